"""`make stack`: deploys, loads, invokes once, says where to look, and stays until it is interrupted."""

import json
import signal
import sys

from .clients import invoke
from .rehearsal import Stack, event, rehearsed, this_minute


def main() -> int:
    with rehearsed() as stack:
        try:
            _show(stack)
            signal.pause()
        except KeyboardInterrupt:
            print("\nstopped; nothing is left of it", file=sys.stderr)
    return 0


def _show(stack: Stack) -> None:
    deployment, emulator = stack.deployment, stack.emulator
    print(f"deployed in {deployment.seconds:.1f} s, authorization on; log: {emulator.log}")
    at = this_minute()
    for function, mode in ((deployment.dry_run_function, "dry-run"), (deployment.function, "live")):
        error, answer = invoke(emulator, function, event(mode, at))
        print(f"\n{mode} at {at} by {function}: {error or 'no error'}")
        print(json.dumps(answer)[:600])
    print(f"\n{len(stack.emitted())} orders stand in the outbox of {deployment.table}\n\nLook there yourself:\n")
    signs = " ".join(f"{key}={value}" for key, value in emulator.environment().items()
                     if key.startswith("AWS_") and value and not value.startswith("/"))
    print(f"  export {signs}")
    store = f"--store dynamodb:{deployment.table}"
    for words in (f"runs {store}", f"show last {store}", f"orders --open {store}", f"audit {store}"):
        print(f"  target/debug/rebalance {words}")
    for words in (
        f"echo '{{\"schema\": 1, \"mode\": \"recover\"}}' | aws lambda invoke --cli-read-timeout 330"
        f" --function-name {deployment.function} --payload fileb:///dev/stdin /dev/stdout",
        "aws cloudwatch describe-alarms --query 'MetricAlarms[].AlarmName'",
        f"aws logs filter-log-events --log-group-name /aws/lambda/{deployment.function} --query 'events[].message'",
    ):
        print(f"  {words}")
    print("\nRecovery fires once a minute. Ctrl-C ends all of it.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
