//! Whole processes: `rebalance plan` on the files of an instance beside a Python that solves its program and nothing else,
//! interpreter and imports included.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Instance;
use super::instances::files;

/// This product's own process, and those of Python.
pub(crate) const OURS: &str = "rebalance";
pub(crate) const THEIRS: [&str; 2] = ["SciPy", "highspy"];

/// The sizes that a policy file may have orders for.
const LARGEST: u32 = 5_000;

/// A process is run until all its runs took so long, but so many times at most: the system counts in hundredths.
const ENOUGH_SECONDS: f64 = 0.3;
const MOST_RUNS: u32 = 50;

pub(crate) fn measure(python: &str, folder: &Path, instances: &mut BTreeMap<String, Instance>) {
    // Named whether or not the features of this build have it.
    let Some(rebalance) = option_env!("CARGO_BIN_EXE_rebalance").filter(|path| Path::new(path).exists()) else {
        println!("no process is timed: this build has no command");
        return;
    };
    for (name, instance) in instances.iter_mut().filter(|(_, it)| it.as_process && it.size <= LARGEST) {
        let case = folder.join(name);
        fs::create_dir_all(&case).expect("a folder");
        for file in files(instance.size, instance.kind, instance.seed).values() {
            fs::write(case.join(&file.name), &file.bytes).expect("written");
        }
        let mut ours = Command::new(rebalance);
        ours.arg("plan").arg(&case).arg("--brief").arg("--store").arg(case.join("store"));
        instance.processes.insert(OURS.to_owned(), timed(&mut ours).0);
        for peer in THEIRS {
            let (seconds, told) = timed(of_python(python).arg(folder).arg(name).arg(peer));
            let last = told.lines().last().expect("a line");
            let objective = (last != "None").then(|| last.parse().expect("an objective"));
            if instance.counts(format!("{peer} as a process"), objective) {
                instance.processes.insert(peer.to_owned(), seconds);
            }
        }
    }
}

/// Python on the peers' script, in one thread as everybody else.
pub(crate) fn of_python(python: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/peers.py"));
    command.envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"].map(|name| (name, "1")));
    command
}

/// Runs a process to its end; what it printed.
pub(crate) fn ran(command: &mut Command) -> String {
    let ran = command.stdin(Stdio::null()).output().expect("the process starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

/// Seconds of processor time from spawn to end, and what it printed.
fn timed(command: &mut Command) -> (f64, String) {
    // The first run has the files read into memory.
    let told = ran(command);
    let before = of_children();
    let mut runs = 0;
    loop {
        ran(command);
        runs += 1;
        let took = of_children() - before;
        if took >= ENOUGH_SECONDS || runs == MOST_RUNS {
            return (took / f64::from(runs), told);
        }
    }
}

/// What processes that have ended computed for so far: fields 16 and 17 of Linux's own account, in hundredths.
fn of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("the account of this process");
    let after_name = stat.rsplit(')').next().expect("fields");
    let hundredths: f64 =
        after_name.split_whitespace().skip(13).take(2).map(|it| it.parse::<f64>().expect("a number")).sum();
    hundredths / 100.0
}
