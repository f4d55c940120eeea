"""The package with HiGHS in it, where it is to run: the template, the emulator, and a policy that asks for that solver."""

import unittest

from .clients import deliver
from .deployment import template_with
from .rehearsal import PORTFOLIO, by_key, event, rehearsed, this_minute

ASKS_FOR_HIGHS = '\n[solver]\nbackend = "highs"\n'


class TheFullPackage(unittest.TestCase):
    def test_plans_with_highs_and_emits_the_plan(self) -> None:
        with rehearsed(template_with("bootstrap-full"), ASKS_FOR_HIGHS) as stack:
            emulator, functions, at = stack.emulator, stack.deployment, this_minute()
            dry = deliver(emulator, functions.dry_run_function, event("dry-run", at))["runs"][0]["run"]
            self.assertEqual((dry["portfolio"], dry["solver"]["backend"]), (PORTFOLIO, "highs"))
            planned = by_key(dry["orders"])
            self.assertGreater(len(planned), 10)
            self.assertEqual(planned, stack.planned(at), "the terminal's plan, by the same solver")
            live = deliver(emulator, functions.function, event("live", at))["runs"][0]["run"]
            self.assertEqual(live["solver"]["backend"], "highs")
            emitted = stack.emitted()
            self.assertTrue(emitted)
            self.assertLessEqual(emitted.items(), planned.items())


if __name__ == "__main__":
    unittest.main()
