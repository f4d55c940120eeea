//! The function on AWS Lambda, `bootstrap` in its package. Everything is in the library; this is where it starts.

fn main() -> std::process::ExitCode {
    index_rebalancer::function::main()
}
