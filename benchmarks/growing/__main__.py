"""``python -m benchmarks.growing``: money between cells, sizes at scale, the model's error."""

import argparse
import sys

from benchmarks.growing import capacity, telling, trials
from benchmarks.growing.costs import Costs, UnknownInput, Wanted, with_settings
from benchmarks.machine import load_text

PARTS = ("protocol", "capacity", "push", "validate", "all")


def main() -> int:
    """Do what is asked; 1 where the simulation finds what it must not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growing", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, default="all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--walks", type=int, default=20, help="random walks of the protocol")
    parser.add_argument("--orders", type=int, default=100_000, help="of the validation")
    parser.add_argument("--sample", type=int, default=20_000, help="orders that costs come from")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="another assumption; may be repeated")  # fmt: skip
    options = parser.parse_args()
    try:
        costs, wanted = with_settings(Costs(), Wanted(), options.set)
    except UnknownInput as error:
        parser.error(f"--set {error}")
    is_well = True
    if options.part in ("protocol", "all"):
        is_well = trials.run(seed=options.seed, walks=options.walks)
    if options.part in ("push", "all"):
        from benchmarks.growing.pushing import measure_push  # noqa: PLC0415

        push_us, pushed = measure_push(seed=options.seed)
        print(f"a message to a socket: {push_us:.1f} us of web ({pushed}; {load_text()})")
    if options.part in ("validate", "all"):
        # The rest needs neither Django nor servers.
        from benchmarks.growing.validation import compare_with_exchange  # noqa: PLC0415

        measured, compared, how = compare_with_exchange(
            orders=options.orders, sample=options.sample, seed=options.seed
        )
        costs, _ = with_settings(measured, wanted, [s for s in options.set if s.split("=")[0] in
                                                    {"worker_us", "wal_bytes"}])  # fmt: skip
        telling.print_rows(
            f"The model beside a real exchange ({how}; {load_text()})",
            telling.rows_of_comparison(compared),
        )
    if options.part not in ("protocol", "push"):
        telling.print_rows("Assumptions", telling.rows_of_inputs(costs, wanted))
        telling.print_rows(
            "What that takes", telling.rows_of_capacity(capacity.compute(costs, wanted))
        )
    return 0 if is_well else 1


sys.exit(main())
