"""Which events the code records, read from its source: every call of `record`, followed back to its words."""

import ast
import importlib
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from pathlib import Path
from types import ModuleType

import service

ROOT = Path(service.__file__).parent
APART = {"migrations", "agent", "bench", "demo", "web", "__main__"}  # record nothing themselves
DEPTH = 6  # of functions that hand an action on


@dataclass
class Site:
    """A call and the function and module around it."""

    call: ast.Call
    function: ast.FunctionDef | None
    module: ModuleType


@dataclass
class Source:
    calls: dict[str, list[Site]] = field(default_factory=lambda: defaultdict(list))  # by the name that is called
    functions: dict[tuple[str, str], ast.FunctionDef] = field(default_factory=dict)  # by module and name


def recorded_types() -> tuple[set[str], list[str]]:
    """The types, and the places where what is recorded cannot be read from the source."""
    source, types, unread = _read(), set(), []
    for site in source.calls["record"]:
        words = {one.arg: one.value for one in site.call.keywords if one.arg}
        if "subject_kind" not in words or site.module.__name__ == "service.core.events":
            continue
        kinds = _values(words["subject_kind"], site, source, DEPTH)
        actions = _values(words["action"], site, source, DEPTH)
        if not kinds or not actions:
            unread.append(f"{site.module.__name__}:{site.call.lineno}")
        types |= {f"{kind}.{action}" for kind in kinds or () for action in actions or ()}
    return types, unread


def _read() -> Source:
    source = Source()
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        if APART.isdisjoint(parts):
            module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
            _Walk(source, module).visit(ast.parse(file.read_text("utf-8")))
    return source


class _Walk(ast.NodeVisitor):
    def __init__(self, source: Source, module: ModuleType) -> None:
        self.source, self.module = source, module
        self.around: list[ast.FunctionDef] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.source.functions[self.module.__name__, node.name] = node
        self.around.append(node)
        self.generic_visit(node)
        self.around.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        self.source.calls[name].append(Site(node, self.around[-1] if self.around else None, self.module))
        self.generic_visit(node)


def _values(node: ast.expr, site: Site, source: Source, depth: int) -> set[str] | None:
    """Every word that the expression can be; None when it cannot be told."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.Constant) and node.value is None:
        return set()
    if isinstance(node, ast.JoinedStr):
        return _joined(node, site, source, depth)
    if isinstance(node, ast.IfExp):
        return _all([_values(part, site, source, depth) for part in (node.body, node.orelse)])
    if isinstance(node, ast.Attribute):
        member = _member(node, site.module)
        return {member} if member else _values(node.value, site, source, depth) if node.attr == "value" else None
    if isinstance(node, ast.Call) and len(node.args) == 1:  # DefectAction(verdict.value): some of its members
        return _enum(node.func, site.module) or None
    if isinstance(node, ast.Name) and site.function and depth:
        return _named(node.id, site, source, depth)
    return None


def _joined(text: ast.JoinedStr, site: Site, source: Source, depth: int) -> set[str] | None:
    """Every text of an f-string."""
    parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in text.values]
    choices = [_values(part, site, source, depth) for part in parts]
    return {"".join(chosen) for chosen in product(*(one for one in choices if one))} if all(choices) else None


def _named(name: str, site: Site, source: Source, depth: int) -> set[str] | None:
    assert site.function is not None
    constant = getattr(site.module, name, None)
    if isinstance(constant, str):
        return {str(constant)}
    arguments = site.function.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for position, parameter in enumerate(parameters):
        if parameter.arg == name:
            given = _given(position, name, site, source, depth)
            return given or (_enum(parameter.annotation, site.module) if parameter.annotation else None)
    assigned = [one.value for one in ast.walk(site.function) if isinstance(one, ast.Assign) and _binds(one, name)]
    return _all([_values(value, site, source, depth - 1) for value in assigned]) if assigned else None


def _given(position: int, name: str, site: Site, source: Source, depth: int) -> set[str] | None:
    """What callers of the function around pass for this parameter."""
    assert site.function is not None
    own = getattr(site.module, site.function.name, None)
    found: list[set[str] | None] = []
    for call in source.calls[site.function.name]:
        target = getattr(call.module, site.function.name, own)
        if target is not own:  # another function of that name
            continue
        passed = {one.arg: one.value for one in call.call.keywords}.get(name)
        if passed is None and position < len(call.call.args):
            passed = call.call.args[position]
        if passed is not None:
            found.append(_values(passed, call, source, depth - 1))
    return _all(found) if found else None


def _member(node: ast.Attribute, module: ModuleType) -> str | None:
    """The value of `Kind.MEMBER` or `Kind.MEMBER.value`."""
    inner = node.value if node.attr == "value" and isinstance(node.value, ast.Attribute) else node
    if not isinstance(inner, ast.Attribute) or not isinstance(inner.value, ast.Name):
        return None
    member = getattr(getattr(module, inner.value.id, None), inner.attr, None)
    return str(member.value) if isinstance(member, Enum) else None


def _enum(node: ast.expr, module: ModuleType) -> set[str] | None:
    kind = getattr(module, node.id, None) if isinstance(node, ast.Name) else None
    return {str(one.value) for one in kind} if isinstance(kind, type) and issubclass(kind, Enum) else None


def _binds(assignment: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in assignment.targets)


def _all(parts: list[set[str] | None]) -> set[str] | None:
    return set().union(*(part for part in parts if part)) if None not in parts else None
