"""A whole replicated exchange on one machine: ``make cluster`` (docs/cluster.md).

Three hosts with everything that three machines would run, and an edge before them. It is the test
bed for faults and the worked example of the operator's guide; nothing here is imported by Zavora.
"""
