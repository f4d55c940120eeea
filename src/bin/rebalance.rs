//! The command line. Everything is in the library; this is where it starts.

fn main() -> std::process::ExitCode {
    index_rebalancer::cli::main()
}
