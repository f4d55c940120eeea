"""The template in an emulator of AWS on this machine: `make stack` for people, `make stack-test` as a test."""
