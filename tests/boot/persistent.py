"""tools/kept_machine.py on a test's bench."""

import kept_machine
from conftest import BUILD


class Persistent(kept_machine.KeptMachine):
    """On `disk`, or on one with what is in build/esp. What is said is printed."""

    def __init__(self, bench, machine, disk=None):
        super().__init__(bench.folder, machine, BUILD / "esp", disk)

    def boot(self, options=None, **how):
        done = super().boot(options, **how)
        print(done.log, done)
        return done
