"""Why CodePipeline's verbs refuse: one class per error of its API, named as there without the word `Exception`."""

from __future__ import annotations

from bot.core.errors import BackendError, BadInput, Conflict, RunNotFound


class PipelineNotFound(BackendError):
    """There is no such pipeline on this machine."""


class PipelineVersionNotFound(BackendError):
    """This pipeline has no such version."""


class PipelineNameInUse(Conflict):
    """There is a pipeline of this name already."""


class PipelineExecutionNotFound(RunNotFound):
    """This pipeline has no such run on this machine."""


class InvalidTags(BadInput):
    """These tags can't be set."""


class TooManyTags(BadInput):
    """A pipeline can't have as many tags."""


class StageNotFound(BackendError):
    """This pipeline has no such stage."""


class ActionNotFound(BackendError):
    """This stage has no such action."""


class Validation(BadInput):
    """What was given can't be used as it is."""


class ConcurrentPipelineExecutionsLimitExceeded(Conflict):
    """As many runs as a pipeline can have already wait or work."""


class PipelineExecutionNotStoppable(Conflict):
    """This run is over already."""


class DuplicatedStopRequest(Conflict):
    """This run is being stopped already."""


class StageNotRetryable(Conflict):
    """This stage can't be retried: it has not failed in this run."""


class NotLatestPipelineExecution(Conflict):
    """A newer run has been in this stage since."""


class ConditionNotOverridable(Conflict):
    """This condition can't be overridden."""


class InvalidApprovalToken(Conflict):
    """This run does not wait for that answer; look at it again."""


class ApprovalAlreadyCompleted(Conflict):
    """Somebody has answered this already."""


class UnableToRollbackStage(BackendError):
    """There is nothing that this stage could go back to."""


class PipelineExecutionOutdated(BackendError):
    """The pipeline's stages have changed since that run."""
