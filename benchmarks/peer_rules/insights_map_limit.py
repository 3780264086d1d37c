"""A rule of insights-core for failed mmap calls of an ingester: spec, parser and rule."""

from insights.core import LogFileOutput
from insights.core.plugins import make_fail, make_pass, parser, rule
from insights.core.spec_factory import RegistryPoint, SpecSet, simple_file


class Specs(SpecSet):
    ingester_log = RegistryPoint(filterable=True)


class DefaultSpecs(Specs):
    ingester_log = simple_file("var/log/cortex/ingester.log")


@parser(Specs.ingester_log)
class IngesterLog(LogFileOutput):
    pass


IngesterLog.keep_scan("refused", "cannot allocate memory")


@rule(IngesterLog)
def report(log):
    if log.refused:
        return make_fail("MAP_LIMIT", planted=f"PLANTED={len(log.refused)}")
    return make_pass("MAP_LIMIT_UNSEEN")
