"""Reads the XML and JSON of reports, bounded and without what XML can be misused for."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from integrations.specs.reports.cases import UnreadableReport, clean

MOST_PARTS = 600_000
"""Tags (of XML), or objects and lists (of JSON) that are read at most: each takes far more memory than its text."""


def xml(data: bytes, what: str, *roots: str) -> Element:
    """Read an XML document whose outermost element is one of `roots` (namespaces are ignored).

    A DOCTYPE is allowed, since JaCoCo and Cobertura write one, but nothing that it names is fetched, and entities are
    refused. Raises `UnreadableReport`.
    """
    if data.count(b"<") > MOST_PARTS:
        raise UnreadableReport(f"it has more than {MOST_PARTS:,} tags, and so was not read.")
    try:
        root: Element = defusedxml.ElementTree.fromstring(data, forbid_entities=True, forbid_external=True)
    except ParseError as error:
        line, column = error.position
        raise UnreadableReport(f"line {line} column {column + 1}: this is not well-formed XML.") from error
    except DefusedXmlException as error:
        raise UnreadableReport("its DTD declares entities, which are not read from reports.") from error
    except (ValueError, LookupError, RecursionError) as error:  # such as an encoding that nobody knows
        raise UnreadableReport("this is not readable as XML.") from error
    if plain(root) not in roots:
        raise UnreadableReport(f"this is not {what}: its outermost element is <{clean(plain(root))[:60]}>.")
    return root


def plain(element: Element) -> str:
    """Give an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: Element, *names: str) -> str:
    """Give the text of the first of these children that has one; namespaces are ignored."""
    for name in names:
        for child in element:
            if plain(child) == name and child.text and child.text.strip():
                return child.text.strip()
    return ""


def json_value(data: bytes) -> Any:
    """Read JSON. Raises `UnreadableReport`."""
    if data.count(b"[") + data.count(b"{") > MOST_PARTS:
        raise UnreadableReport(f"it has more than {MOST_PARTS:,} objects and lists, and so was not read.")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UnreadableReport(f"line {error.lineno} column {error.colno}: this is not JSON.") from error
    except UnicodeDecodeError as error:
        raise UnreadableReport("this is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableReport("it is nested too deeply or has a number that is too long.") from error
