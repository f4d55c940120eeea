//! The only way from a worker to store and venue: passes requests on, delays them, cuts connections, and kills the
//! worker at a named step, before the request has an effect or after.
//!
//! A request that was accepted here is passed on even when its worker is dead by then: that is the late request.

use std::net::SocketAddr;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use crate::history::{Log, What};
use crate::split_mix::SplitMix64;
use crate::steps::{self, Channel};
use index_rebalancer::adapters::rehearsal::wire;

/// What is done to one worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Kill at the occurrence of this step after so many others of the same name.
    pub(crate) kill_at: Option<KillAt>,
    /// Once in so many requests; 0: never.
    pub(crate) cut_one_in: u64,
    pub(crate) delay_one_in: u64,
    pub(crate) longest_delay_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct KillAt {
    pub(crate) step: String,
    pub(crate) before: bool,
    pub(crate) skip: u64,
}

/// One worker and everything that is known of it.
#[derive(Debug)]
pub(crate) struct Victim {
    pub(crate) number: u32,
    pub(crate) account: String,
    pub(crate) log: Arc<Log>,
    pub(crate) faults: Faults,
    pub(crate) chance: Mutex<SplitMix64>,
    /// Absent until it runs, and again after it was killed.
    pub(crate) child: Mutex<Option<Child>>,
    pub(crate) skipped: Mutex<u64>,
    /// Step, if the moment was not drawn by chance, and whether before its effect.
    pub(crate) killed: Mutex<Option<(Option<String>, bool)>>,
}

impl Victim {
    pub(crate) fn note(&self, what: What) {
        self.log.add(self.number, &self.account, what);
    }

    /// SIGKILL; whether it was still alive.
    pub(crate) fn kill(&self, step: Option<&str>, before: bool) -> bool {
        let mut slot = self.child.lock().expect("not poisoned");
        let Some(child) = slot.as_mut() else { return false };
        if !matches!(child.try_wait(), Ok(None)) || child.kill().is_err() {
            return false;
        }
        self.note(What::Killed { step: step.map(str::to_owned), before });
        *self.killed.lock().expect("not poisoned") = Some((step.map(str::to_owned), before));
        // Reaped here: nobody may wait for it twice.
        let _ = child.wait();
        *slot = None;
        true
    }

    fn kill_due(&self, step: &str, before: bool) -> bool {
        let Some(at) = self.faults.kill_at.as_ref().filter(|at| at.step == step && at.before == before) else {
            return false;
        };
        let mut skipped = self.skipped.lock().expect("not poisoned");
        *skipped += 1;
        *skipped > at.skip
    }

    fn one_in(&self, times: u64) -> bool {
        times > 0 && self.chance.lock().expect("not poisoned").below(times) == 0
    }

    fn delay(&self) -> u64 {
        if !self.one_in(self.faults.delay_one_in) {
            return 0;
        }
        1 + self.chance.lock().expect("not poisoned").below(self.faults.longest_delay_ms.max(1))
    }
}

/// Opens a way to `target` for one worker and returns its address.
pub(crate) async fn open(
    channel: Channel,
    target: SocketAddr,
    victim: Arc<Victim>,
) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
    let address = listener.local_addr().expect("bound").to_string();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let victim = victim.clone();
            tokio::spawn(async move {
                // A connection that breaks is what this is for.
                let _ = pass_on(channel, stream, target, &victim).await;
            });
        }
    });
    (address, accepting)
}

async fn pass_on(channel: Channel, mut worker: TcpStream, target: SocketAddr, victim: &Victim) -> std::io::Result<()> {
    let mut beyond = TcpStream::connect(target).await?;
    while let Some(request) = wire::read(&mut worker).await? {
        let step = steps::name(channel, &request);
        let number = victim.log.number();
        let is_loud = channel == Channel::Venue || steps::is_write(steps::operation(&request));
        let body = if is_loud && !step.contains("chunk") {
            serde_json::from_slice(&request.body).unwrap_or(Value::Null)
        } else {
            Value::Null
        };
        victim.note(What::Asked { number, step: step.clone(), body });
        if victim.kill_due(&step, true) && victim.kill(Some(&step), true) {
            return Ok(());
        }
        if victim.one_in(victim.faults.cut_one_in) {
            victim.note(What::Cut { number, before: true });
            return Ok(());
        }
        let milliseconds = victim.delay();
        if milliseconds > 0 {
            victim.note(What::Delayed { number, milliseconds });
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        wire::write(&mut beyond, &request).await?;
        let Some(answer) = wire::read(&mut beyond).await? else { return Ok(()) };
        victim.note(What::Answered { number, status: answer.status() });
        if victim.kill_due(&step, false) && victim.kill(Some(&step), false) {
            return Ok(());
        }
        if victim.one_in(victim.faults.cut_one_in) {
            victim.note(What::Cut { number, before: false });
            return Ok(());
        }
        wire::write(&mut worker, &answer).await?;
    }
    Ok(())
}
