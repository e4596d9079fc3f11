"""The English sentences of `sayso aws`."""

from __future__ import annotations

from collections.abc import Mapping

MESSAGES: Mapping[str, str] = {
    "aws.cli.help": "Set up the backend aws: a first catalogue, the permissions that it needs.",
    "aws.discover.help": "List the pipelines of a region and print a first sayso.toml for them.",
    "aws.discover.opt.region": "The pipelines' region, as eu-west-1.",
    "aws.discover.opt.role": "ARN of a role to take first.",
    "aws.discover.opt.external_id": "The external id that the role's trust policy asks for.",
    "aws.discover.opt.out": "Write to this new file.",
    "aws.discover.none": "There are no pipelines in {region}.",
    "aws.cli.no_boto3": "This needs boto3, which is not installed.",
    "aws.discover.unwritable": "{path} can't be written: {error}.",
    "aws.discover.exists": "{path} is there already, and is left alone.",
    "aws.discover.exists.fix": "Name another file with --out, or none to see it here.",
    "aws.discover.done": "Wrote {path}: one environment.|Wrote {path}: {n} environments.",
    "aws.discover.head": 'A first catalogue, made from the names of pipelines and stages: check every name.\nAdd who may ask and approve: [people.ana] name = "Ana" slack = "U…"; then `sayso check` reads it.',
    "aws.discover.channel": 'channel = "releases"     where its cards appear: declare it as [channels.releases] slack = "C…"',
    "aws.discover.approvers": 'approvers = ["…"]       people or teams who may approve; without it everybody may',
    "aws.discover.no_gate": "No manual approval stands before this: whoever deploys, deploys.",
    "aws.policy.help": "Print the IAM policy with the least that Sayso needs for this catalogue.",
    "aws.policy.opt.role": "Print the policy of this role, instead of that of who Sayso runs as.",
    "aws.policy.opt.account": "The account's number, for pipelines without a role (default: any).",
    "aws.policy.opt.checks": "Add what `sayso check --aws` asks besides.",
    "aws.policy.none": "No environment of {path} has the backend aws.",
    "aws.policy.no_role": "No environment of {path} takes the role {role}.",
    "aws.policy.no_role.fix": "Roles in it: {roles}.",
    "aws.policy.roles": "This role needs a policy of its own: sayso aws policy --role {role}",
    "aws.account": "{account} is not the number of an AWS account, which has twelve digits.",
}
