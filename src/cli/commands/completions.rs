//! `completions`: for bash, elvish, fish, PowerShell and zsh.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::Arguments;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

pub(in crate::cli) fn completions(shell: Shell, output: &Output) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rebalance", &mut script);
    output.raw(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
