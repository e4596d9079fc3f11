"""The English sentences about what AWS's providers tell of an action, and about its events."""

from __future__ import annotations

from collections.abc import Mapping

MESSAGES: Mapping[str, str] = {
    # Builds
    "aws.build.batch": "{done} of one build done|{done} of {n} builds done",
    "aws.build.batch.failed": "This build of the batch failed: {names}|These builds of the batch failed: {names}",
    "aws.build.failed": "{phase}: it failed, and CodeBuild doesn't say why.",
    "aws.build.fault": "{phase}: CodeBuild had trouble on its side.",
    "aws.build.timed_out": "{phase}: the build took longer than it may.",
    "aws.build.stopped": "{phase}: the build was stopped.",
    "aws.phase.failed": "it failed.",
    "aws.phase.fault": "CodeBuild had trouble on its side.",
    "aws.phase.timed_out": "it took longer than it may.",
    "aws.phase.stopped": "it was stopped.",
    # Reports
    "aws.report.gone": "One test report is gone: AWS keeps them for 30 days.|{n} test reports are gone: AWS keeps them for 30 days.",
    "aws.report.incomplete": "{name}: AWS could not read the whole report.",
    "aws.report.truncated": "{name}: the report is longer than AWS keeps; what is beyond that is not counted.",
    "aws.report.unknown": "{name}: AWS doesn't know how one test ended.|{name}: AWS doesn't know how {n} tests ended.",
    # Deployments
    "aws.deploy.failed": "the deployment failed, and CodeDeploy doesn't say why.",
    "aws.deploy.stopped": "the deployment was stopped.",
    "aws.deploy.ready": "everything is in place; it waits for the traffic to be sent there.",
    "aws.deploy.baking": "all is deployed; it is watched for a while before it counts.",
    "aws.deploy.more": " (and once more elsewhere)| (and {n} times more elsewhere)",
    "aws.deploy.rolled_back": "CodeDeploy rolls it back: {deployment}.",
    "aws.script.missing": "the script is not there.",
    "aws.script.not_executable": "the script may not be run.",
    "aws.script.timed_out": "the script took longer than it may.",
    "aws.script.failed": "the script failed.",
    "aws.script.unknown": "it failed.",
    # Stacks and services
    "aws.change.add": "one new resource|{n} new resources",
    "aws.change.modify": "one changed resource|{n} changed resources",
    "aws.change.remove": "one removed resource|{n} removed resources",
    "aws.change.import": "one imported resource|{n} imported resources",
    "aws.change.other": "one other change|{n} other changes",
    "aws.changes.replaced": "{changes}; replaced: {names}",
    "aws.gate.plan": "{name}: {plan}.",
    "aws.ecs.failing": "one task has failed to start so far|{n} tasks have failed to start so far",
    # What can't be read
    "aws.missing": "{what} can't be shown: {why}",
    "aws.missing.and": "{detail} ({missing})",
    "aws.part.build": "The build",
    "aws.part.tests": "The test report",
    "aws.part.log": "The log",
    "aws.part.deployment": "The deployment",
    "aws.part.targets": "The targets",
    "aws.part.changes": "The change set",
    "aws.part.stack": "The stack's events",
    "aws.part.service": "The service",
    # Events
    "aws.events.secret": "This request does not know the secret of this door.",
    "aws.events.too_big": "An event may have {n} KB at most.",
    "aws.events.too_slow": "The event did not come within {n} seconds.",
    "aws.events.no_answer": "{url} can't be fetched just now.",
    "aws.events.queue": "SAYSO_AWS_QUEUES: entry {number} is no address of a queue. It looks like https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE.",
    "aws.events.topic": "SAYSO_AWS_TOPICS: entry {number} is no topic. It looks like arn:aws:sns:REGION:ACCOUNT:TOPIC.",
    "aws.events.short": "SAYSO_AWS_DESTINATION_SECRET has fewer than {n} characters, and could be guessed.",
}
