"""The statements that every action needs: put together once, since that costs more than carrying them out."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from integrations.local.states import ACTIVE, Mode, State
from integrations.local.tables import (
    ACTIONS,
    ATTEMPTS,
    CONDITIONS,
    EXECUTIONS,
    LATEST,
    PIPELINES,
    STAGES,
    TRANSITIONS,
)

_E, _S, _A, _K, _T = EXECUTIONS.c, STAGES.c, ACTIONS.c, CONDITIONS.c, TRANSITIONS.c

FILE_OF = sa.select(_E.file).join(PIPELINES).where(_E.id == sa.bindparam("execution")).with_for_update(of=PIPELINES)
"""`execution`: its pipeline's file, locked."""

CLOSED = sa.select(_T.stage, _T.direction, _T.reason).where(_T.file == sa.bindparam("file"), _T.closed)
"""`file`: the ways that are closed."""

# A parallel execution concerns nobody but itself; leaving the others out keeps a thousand of them cheap. Both sides of
# the "or" have an index of their own, so that finished executions cost nothing.
MOVING = (
    sa.select(_E.id, _E.number, _E.length, _E.state, _E.mode, _E.rollback, _E.position, _E.abandon, _E.cancelled,
              _E.reason, _E.detail, _E.finished, _S.index.label("stage"), _S.name, _S.state.label("stage_state"),
              _S.attempt, _S.automatic, _S.last_retry, _S.started, _S.finished.label("stage_finished"),
              CLOSED.exists().label("closed"), sa.exists().where(_K.execution == _E.id).label("conditioned"))
    .outerjoin(STAGES, sa.and_(_S.execution == _E.id, _S.index.between(_E.position - 1, _E.position + 1)))
    .where(sa.or_(
        _E.id == sa.bindparam("execution"),
        sa.and_(_E.state.in_(ACTIVE), _E.file == sa.bindparam("file"), _E.mode.in_((Mode.SUPERSEDED, Mode.QUEUED))),
    ))
    .order_by(_E.number, _S.index)
)  # fmt: skip
"""`file`, `execution` (or None): the active executions of a pipeline, and that one, with the stages around them."""

_NEAR = (_E.position, _E.position + 1)
NEAR_ACTIONS = (
    sa.select(_A.id, _A.execution, _A.stage, _A.name, _A.run_order, _A.state, _A.attempt, _A.category, _A.hook,
              _A.patience, _A.token, _A.wake, _A.decision, _A.started, _A.finished, _A.detail)
    .join(EXECUTIONS, _A.execution == _E.id)
    .where(_E.id.in_(sa.bindparam("executions", expanding=True)), _A.stage.in_(_NEAR))
    .order_by(_A.place)
)  # fmt: skip
"""`executions`: the actions of their stage and of the next."""

NEAR_CONDITIONS = (
    sa.select(CONDITIONS)
    .join(EXECUTIONS, _K.execution == _E.id)
    .where(_E.id.in_(sa.bindparam("executions", expanding=True)), _K.stage.in_(_NEAR))
)
"""`executions`: likewise."""

ATTEMPT = (
    sa.select(_A.id, _A.name, _A.stage, _A.place, _A.attempt, _A.declaration, _A.execution, _E.pipeline, _E.base,
              _E.settings, _E.variables, _E.revision, _E.sources, _E.webhook, _E.asked, _E.file, _A.hook, _A.category,
              _S.name.label("stage_name"), ATTEMPTS.c.id.label("begun"), ATTEMPTS.c.host)
    .join(EXECUTIONS, _A.execution == _E.id)
    .join(STAGES, sa.and_(_S.execution == _E.id, _S.index == _A.stage))
    .outerjoin(ATTEMPTS, ATTEMPTS.c.id == sa.bindparam("key"))
    .where(_A.id == sa.bindparam("action"), _A.attempt == sa.bindparam("number"), _A.state == State.IN_PROGRESS)
)  # fmt: skip
"""`action`, `number`, `key`: an attempt that is under way, with all that is known of it."""

LOCK_ACTION = sa.select(_A.id).where(_A.id == sa.bindparam("action")).with_for_update()
INTENT = sa.insert(ATTEMPTS)

# Of one row each, with the columns to set as further parameters.
SET_EXECUTION = sa.update(EXECUTIONS).where(_E.id == sa.bindparam("the_id"))
CHANGE_EXECUTION = SET_EXECUTION.values(changes=_E.changes + 1)
SET_STAGE = sa.update(STAGES).where(
    _S.execution == sa.bindparam("the_execution"), _S.index == sa.bindparam("the_index")
)
SET_ATTEMPT = sa.update(ATTEMPTS).where(ATTEMPTS.c.id == sa.bindparam("the_id"))
SET_ACTION = sa.update(ACTIONS).where(_A.id == sa.bindparam("the_id"))


def _entered(insert: postgresql.Insert | sqlite.Insert) -> sa.Insert:
    new = insert.excluded
    known = {"execution": new.execution, "number": new.number,
             "succeeded": sa.func.coalesce(new.succeeded, LATEST.c.succeeded)}  # fmt: skip
    return insert.on_conflict_do_update(index_elements=[LATEST.c.file, LATEST.c.stage], set_=known)


ENTERED = {"postgresql": _entered(postgresql.insert(LATEST)), "sqlite": _entered(sqlite.insert(LATEST))}
"""By dialect: which execution was the last to enter a stage, and which (unless None) to succeed there."""
