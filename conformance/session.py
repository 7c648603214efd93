"""
One pytest session of checks: which are collected for which place, what they may use, and what came of them.

The controller of a run starts services, hands them to its workers in memory, and collects one result per check, place and
case; workers run checks. Without workers both are the same process.
"""

from __future__ import annotations

import json
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import checking, departures, selecting, stopwatch
from conformance.drawing import count_examples, prepare
from conformance.judging import Judgement, exchange_row, judge
from conformance.settings import RunSettings, services_of
from conformance.testbed import PlaceUnreachable, Testbed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from conformance.lookout import Lookout
    from conformance.places import Place
    from conformance.services import RunningService, Unreachable
    from conformance.sharding import Cell
    from conformance.targets.selection import TargetSpec

NAME = "conformance-session"
RESULT = "conformance_result"
"""The attribute of pytest's report that carries a result from a worker to the controller."""


def target_of(run: RunSettings) -> TargetSpec:
    """Return the target that a run names; raises `UsageError` with the known ones."""
    from conformance.targets.selection import resolve

    claims = Path(run.claims) if run.claims else None
    return resolve(run.target, run.command, claims, run.door, validate=run.validate)


class Session:
    """The plug-in object of one process; `services` and `lies` are filled before the first check runs."""

    def __init__(self, run: RunSettings, spec: TargetSpec | None = None) -> None:
        self.__name__ = NAME
        self.run = run
        self.spec = spec or target_of(run)
        self.services: dict[str, RunningService | Unreachable] = {}
        self.lies: set[tuple[str, str, str]] = set()
        self.run_id = "0"
        self.worker = "c"
        self.alone = True
        self.chosen: frozenset[str] | None = None
        self._lookout: Lookout | None = None
        self._testbed: Testbed | None = None
        self._places: dict[tuple[str, str], Place] = {}
        self._lost: dict[str, str] = {}
        self._judgements: dict[str, Judgement] = {}
        self._own: frozenset[Cell] | None = None
        prepare(run.profile)

    @classmethod
    def of_worker(cls, config: pytest.Config, given: str) -> Session:
        """Return the session of a worker process from what the controller handed over."""
        from conformance.services import RunningService, Unreachable

        values = json.loads(given)
        session = cls(RunSettings.from_json(values["run"]))
        for name, service in values["services"].items():
            kind = RunningService if "url" in service else Unreachable
            session.services[name] = kind.from_dict(service)
        session.lies = {(service, requirement, case) for service, requirement, case in values["lies"]}
        session.run_id = values["run_id"]
        session.worker = config.workerinput["workerid"]  # type: ignore[attr-defined]
        session.alone = config.workerinput["workercount"] == 1  # type: ignore[attr-defined]
        return session

    def handover(self) -> str:
        """Return what a worker needs, as JSON that travels through its pipe only."""
        return json.dumps(
            {
                "run": self.run.to_json(),
                "run_id": self.run_id,
                "services": {name: service.to_dict() for name, service in self.services.items()},
                "lies": sorted(self.lies),
            }
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the run to a worker of pytest-xdist."""
        node.workerinput["conformance"] = self.handover()

    # ---- collection

    def prefix_of(self, place: str) -> str:
        """Return the path prefix of a place."""
        return selecting.prefix_of(place)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Collect a check once for each place it says something about."""
        marks = checking.marks_of(metafunc.function)
        if marks is None or "place" not in metafunc.fixturenames:
            return
        wanted = [place for place in self.run.places if marks.applies_to(place, self.prefix_of(place))]
        if marks.rows is not None:
            cases = [(place, *case) for place in wanted for case in marks.rows.at(self.prefix_of(place))]
            metafunc.parametrize(
                ("place", *marks.rows.names),
                [(place, *values) for place, _, values in cases],
                indirect=["place"],
                ids=[f"{place}-{label}" for place, label, _ in cases],
            )
            return
        metafunc.parametrize("place", wanted, indirect=True, ids=wanted)
        if marks.space:
            from conformance import worlds

            sources = self.spec.claims.sources
            space = worlds.chosen(marks.space, profile=self.run.profile, seed=self.run.seed, sources=sources)
            metafunc.parametrize("world", space, ids=str)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what was asked for, and let every drawn example be counted."""
        kept = self._in_turn([item for item in items if self._is_wanted(item)])
        if self.chosen is not None:
            kept = [item for item in kept if item.nodeid in self.chosen]
        for item in kept:
            count_examples(item.function)  # type: ignore[attr-defined]
        items[:] = kept

    @property
    def own(self) -> frozenset[Cell]:
        """The requirements and places that this run is to judge, its shard's if it has one."""
        if self._own is None:
            from conformance import plan, sharding

            self._own = sharding.own(plan.of_run(self.run), self.run, self.spec.claims)
        return self._own

    def _in_turn(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Leave out the cases that are not this seed's turn."""
        if self.run.profile != "quick" or self.run.only or self.run.cases:
            return items
        cases: dict[tuple[str, str], list[pytest.Item]] = {}
        for item in items:
            place: str = item.callspec.params["place"]  # type: ignore[attr-defined]
            cases.setdefault((item.nodeid.partition("[")[0], place), []).append(item)
        taken: set[pytest.Item] = set()
        for (check, _place), each in cases.items():
            marks = checking.marks_of(each[0].function)  # type: ignore[attr-defined]
            assert marks is not None  # noqa: S101 - collection kept nothing else
            # a check that has fewer cases than turns says something all the same
            share = min(marks.share, len(each))
            taken.update(each[(self.run.seed + zlib.crc32(check.encode())) % share :: share])
        return [item for item in items if item in taken]

    def _is_wanted(self, item: pytest.Item) -> bool:
        marks = checking.marks_of(getattr(item, "function", None) or (lambda: None))
        # a check that says nothing about any place of this run is collected with pytest's own "not set"
        if marks is None or getattr(item, "callspec", _NoSpec).params.get("place") not in self.run.places:
            return False
        place = item.callspec.params["place"]  # type: ignore[attr-defined]
        wanted = not self.run.only or marks.requirement in self.run.only
        wanted = wanted and (self.run.hermetic or not marks.hermetic)
        wanted = wanted and (self.run.shard is None or (marks.requirement, place) in self.own)
        return wanted and (not self.run.cases or case_of(item) in self.run.cases) and self.run.profile in marks.profiles

    # ---- fixtures

    @pytest.fixture
    def place(self, request: pytest.FixtureRequest) -> Place:
        """Return the place of this check; checks of one module share it and keep apart by `fresh()`."""
        identity: str = request.param
        if identity in self._lost:
            raise PlaceUnreachable(self._lost[identity])
        key = (request.module.__name__, identity)
        with stopwatch.service():
            if key in self._places and self._places[key].is_worn:
                self.testbed.drop(self._places.pop(key))
            if key not in self._places:
                self._places[key] = self.testbed.place(identity, own_bucket=True)
        return self._places[key]

    @property
    def testbed(self) -> Testbed:
        """The testbed of this process, made at first use."""
        if self._testbed is None:
            self._testbed = Testbed(self.spec, self.services, run_id=self.run_id, worker=self.worker)
        return self._testbed

    # ---- running

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Begin to look for what is to leave the machine, where the process runs checks itself."""
        if self.run.hermetic and (self.worker != "c" or not session.config.getoption("numprocesses", None)):
            from conformance.lookout import Lookout

            self._lookout = Lookout(alone=self.alone)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure one check from its first fixture to its last."""
        stopwatch.reset()
        checking.tried = 0
        if self._testbed is not None:
            self._testbed.take_exchanges()
        item.stash[_STARTED] = time.perf_counter()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Refuse before the call what cannot be judged here or is not claimed."""
        marks = checking.marks_of(item.function)  # type: ignore[attr-defined]
        assert marks is not None  # noqa: S101 - collection kept nothing else
        reason = self._not_claimed(marks, item.callspec.params)  # type: ignore[attr-defined]
        if reason is not None:
            from conformance.targets import NotClaimed

            raise NotClaimed(reason)
        if marks.in_process and self.spec.door != "in-process":
            from conformance.expectations import Inconclusive

            raise Inconclusive("only observable in process")
        return (yield)

    def _not_claimed(self, marks: checking.Marks, parameters: dict[str, Any]) -> str | None:
        claims = self.spec.claims
        lacking = sorted(claims.unclaimed_sources(getattr(parameters.get("world"), "sources", ())))
        if lacking:
            return f"the claims have no source {', '.join(lacking)}"
        missing = sorted(need for need in marks.needs if not claims.options.get(need))
        if missing:
            return f"the claims have no {', '.join(missing)}"
        return claims.not_claimed_reason(marks.requirement, self.prefix_of(parameters["place"]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the result of the check to pytest's own report, which carries it to the controller."""
        report = yield
        if checking.marks_of(getattr(item, "function", lambda: None)) is None:
            return report
        error = call.excinfo.value if call.excinfo is not None else None
        if call.when == "call" or (call.when == "setup" and error is not None):
            result = self._result(item, judge(error))
            setattr(report, RESULT, result)
            self._colour(report, result)
            self._look_out(item, report, result)
        elif call.when == "teardown" and error is not None:
            setattr(report, RESULT, self._result(item, judge(error)))
        return report

    def _look_out(self, item: pytest.Item, report: pytest.TestReport, result: dict[str, Any]) -> None:
        """Attach what was to leave the machine meanwhile: a result of its own, or a suspicion."""
        seen = self._lookout.look() if self._lookout is not None else None
        if not seen or self._lookout is None:
            return
        alone = self._lookout.alone
        departures.note(result, seen, alone=alone)
        if not alone and not seen.is_told:
            setattr(report, departures.SUSPECTED, True)
            return
        place = result["place"]
        replay = self.run.replay_line(result["requirement"], place, case_of(item))
        judgement, line = departures.departed(result, seen, replay, alone=alone)
        judgement = departures.weighed(judgement, self.spec.claims, self.prefix_of(place))
        also = departures.completed(line, self._known(judgement, line["requirement"], place, None))
        setattr(report, departures.DEPARTED, also)
        if report.outcome != "failed":
            self._colour(report, also)

    def _colour(self, report: pytest.TestReport, result: dict[str, Any]) -> None:
        """Under a plain pytest, only what turns a run red is a failure."""
        from conformance import requirements
        from conformance.verdicts import is_red

        level = requirements.load()[result["requirement"]].level
        if is_red(result["verdict"], level, strict=self.run.strict):
            report.outcome = "failed"
            report.longrepr = report.longrepr or result["reason"] or result["verdict"]
        elif report.outcome == "failed":
            report.outcome = "skipped"
            report.longrepr = (report.nodeid, 0, f"{result['verdict']}: {result['reason'] or ''}")

    def _result(self, item: pytest.Item, judgement: Judgement) -> dict[str, Any]:
        marks = checking.marks_of(item.function)  # type: ignore[attr-defined]
        assert marks is not None  # noqa: S101 - the caller looked
        place: str = item.callspec.params["place"]  # type: ignore[attr-defined]
        case = case_of(item)
        judgement = self._known(judgement, marks.requirement, place, case)
        exchanges = self._testbed.take_exchanges() if self._testbed is not None else []
        if judgement.failure is not None:
            judgement.failure["requests"] = [exchange_row(exchange) for exchange in exchanges[-20:]]
            judgement.failure["replay"] = self.run.replay_line(marks.requirement, place, case)
        spent = stopwatch.read()
        total = time.perf_counter() - item.stash[_STARTED]
        own = total - sum(kind["seconds"] for kind in spent.values())
        if judgement.target_died or judgement.lost_service:
            self._forget(place, judgement)
        return {
            "requirement": marks.requirement,
            "place": place,
            "case": case,
            "check": item.name.partition("[")[0],
            "verdict": judgement.verdict,
            "examples": max(checking.tried, 1) if spent["target"]["calls"] else checking.tried,
            "operations": spent["target"]["calls"],
            "witness_calls": spent["witness"]["calls"],
            "requests": len(exchanges) if exchanges else None,
            "seconds": {kind: round(spent[kind]["seconds"], 4) for kind in spent}
            | {"own": round(own, 4), "total": round(total, 4)},
            "reason": judgement.reason,
            "failure": judgement.failure,
            "notes": judgement.notes,
        }

    def _known(self, judgement: Judgement, requirement: str, place: str, case: str | None) -> Judgement:
        """Weigh a verdict with what is known: a dead service, the emulator's lies, the target's known failures."""
        if judgement.verdict in ("fail", "flaky", "harness-error") and self._service_is_gone(place):
            reason = f"{place} stopped answering in the middle of the run"
            return Judgement("unreachable", reason=reason, lost_service=True)
        # a lie may also keep the witness from looking, which would count as ours
        shaky = judgement.verdict in ("fail", "flaky", "harness-error")
        service = selecting.service_of(place) or place
        if shaky and (service, requirement, case or "") in self.lies:
            from conformance.services import divergence

            lie = divergence(service, requirement, case or "")
            return Judgement("inconclusive", reason=lie.reason, failure=judgement.failure)
        known = self.spec.claims.known_failure(requirement, place, case)
        if known is not None:
            if judgement.verdict in ("fail", "flaky"):
                return Judgement("known-fail", reason=f"{known.reason} ({known.link})", failure=judgement.failure)
            if judgement.verdict == "pass" and known.case in (None, case) and known.whole(case):
                return Judgement("unexpected-pass", reason=f"listed as a known failure: {known.reason}")
        return judgement

    def _service_is_gone(self, place: str) -> bool:
        from conformance.services import RunningService

        needed = [self.services.get(name) for name in services_of((place,))]
        return any(isinstance(service, RunningService) and not service.alive() for service in needed)

    def _forget(self, place: str, judgement: Judgement) -> None:
        if judgement.lost_service:
            self._lost[place] = judgement.reason or place
        else:
            self.testbed.forget_target()
        for key, known in list(self._places.items()):
            if judgement.target_died or key[1] == place:
                known.close()
                del self._places[key]

    def pytest_sessionfinish(self) -> None:
        """Remove what this process made."""
        for place in self._places.values():
            place.close()
        self._places.clear()
        if self._testbed is not None:
            self._testbed.close()
            self._testbed = None
        if self._lookout is not None:
            self._lookout.close()
            self._lookout = None


class _NoSpec:
    params: dict[str, Any] = {}  # noqa: RUF012 - never written to


_STARTED = pytest.StashKey[float]()


def case_of(item: pytest.Item) -> str | None:
    """Return the case label of a check: the ids of its own parameters, without the place."""
    place = item.callspec.params["place"]  # type: ignore[attr-defined]
    identity = item.name.partition("[")[2].removesuffix("]")
    if identity == place:
        return None
    if identity.startswith(f"{place}-"):
        return identity.removeprefix(f"{place}-")
    return identity.removesuffix(f"-{place}")
