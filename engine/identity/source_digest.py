"""One Python file: the digest of what it means, and the names by which it reaches other files.

Docstrings, comments, positions, annotations of functions and `if TYPE_CHECKING:` are dropped:
changing them changes no result. Annotations in a class stay, for they are its fields.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

_IMPORTERS = {"import_module", "__import__"}
_MODULE = re.compile(r"engine(\.\w+)+")

ALL = "*"
"""Ends a reference that takes in everything below it; alone, it may be anything."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file says.

    Attributes:
        digest: sha256 of the canonical syntax tree.
        references: dotted names that it uses; relative ones begin with dots.
        exports: imported name -> dotted name that it stands for, for those who import it from here.
        union: it only passes on what it imports, by name or as a union of classes.
        lazy: it imports what lies below it when asked for (PEP 562).
    """

    digest: str
    references: tuple[str, ...] = ()
    exports: dict[str, str] = field(default_factory=dict)
    union: bool = False
    lazy: bool = False

    @classmethod
    def of(cls, source: bytes) -> Self:
        """Read a file's text; one that is not Python counts by its bytes and reaches nothing."""
        try:
            parsed = ast.parse(source)
        except (SyntaxError, ValueError):
            return cls(hashlib.sha256(source).hexdigest())
        tree = _Meaning().visit(parsed)
        text = ast.dump(tree, annotate_fields=False)
        names = _Names()
        names.collect(tree)
        return cls(
            digest=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            references=tuple(sorted(names.references)),
            exports={name: min(dotted) for name, dotted in sorted(names.bound.items())},
            union=_only_passes_on(tree, set(names.bound)),
            lazy=any(map(_is_lazy, tree.body)),
        )

    def to_json(self) -> list[Any]:
        """As JSON values."""
        return [self.digest, list(self.references), self.exports, self.union, self.lazy]

    @staticmethod
    def is_json(data: Any) -> bool:
        """Whether a value is one that `to_json` can have made."""
        match data:
            case [str(), list(references), dict(exports), bool(), bool()]:
                return all(isinstance(text, str) for text in (*references, *exports.values()))
        return False

    @classmethod
    def from_json(cls, data: list[Any]) -> Self:
        """From JSON values."""
        return cls(data[0], tuple(data[1]), data[2], data[3], data[4])


class _Meaning(ast.NodeTransformer):
    """Drops what cannot change a result."""

    def __init__(self) -> None:
        self._in_function = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._inside(node, function=False)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if self._in_function and node.value is not None:
            return ast.Assign(targets=[node.target], value=node.value)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> Any:
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
        if name == "TYPE_CHECKING":
            return [self.visit(statement) for statement in node.orelse]
        return self.generic_visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._inside(node, function=True)

    def _inside(self, node: ast.AST, *, function: bool) -> ast.AST:
        before, self._in_function = self._in_function, function
        self.generic_visit(node)
        self._in_function = before
        return node


class _Names:
    """Names bound by imports, and the dotted names that are made of them."""

    def __init__(self) -> None:
        self.bound: dict[str, set[str]] = {}
        self.references: set[str] = set()

    def collect(self, tree: ast.Module) -> None:
        """Gather the names of a whole file; imports of every scope count for all of it."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._bind(alias.asname or alias.name.partition(".")[0], alias, "")
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (f"{node.module}." if node.module else "")
                for alias in node.names:
                    self._bind(alias.asname or alias.name, alias, base)
        self._use(tree)

    def _bind(self, name: str, alias: ast.alias, base: str) -> None:
        dotted = base + alias.name
        self.references.add(dotted)
        if alias.name != ALL:
            # `import a.b` binds a; every other form binds what it names.
            bound = name if not base and alias.asname is None else dotted
            self.bound.setdefault(name, set()).add(bound)

    def _use(self, node: ast.AST) -> None:
        chain = _chain(node)
        if chain and chain[0] in self.bound:
            for dotted in self.bound[chain[0]]:
                # A module used as a bare value may be asked for anything.
                self.references.add(".".join([dotted, *(chain[1:] or [ALL])]))
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _MODULE.fullmatch(node.value):
                self.references.add(node.value)
        elif isinstance(node, ast.Call):
            self.references.update(_imported(node))
        for child in ast.iter_child_nodes(node):
            self._use(child)


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as its names; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _imported(node: ast.Call) -> Iterator[str]:
    """What a call of `import_module` imports."""
    called = _chain(node.func)
    if not called or called[-1] not in _IMPORTERS:
        return
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield first.value
    else:
        yield ALL


def _only_passes_on(tree: ast.Module, imported: set[str]) -> bool:
    """Whether a file only imports, lists that in `__all__`, and names unions of what it imports.

    A file of bare imports is not one: it may be there for what importing does.
    """
    rest = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return bool(rest) and all(_is_all(node) or _is_union(node, imported) for node in rest)


def _is_lazy(node: ast.stmt) -> bool:
    """Whether a statement defines a module's `__getattr__`, by `def` or by an assignment."""
    if isinstance(node, ast.FunctionDef):
        return node.name == "__getattr__"
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(_chain(item) == ["__getattr__"] for target in targets for item in ast.walk(target))


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and _chain(node.targets[0]) == ["__all__"]


def _is_union(node: ast.stmt, imported: set[str]) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    names = {item.id for item in ast.walk(node.value) if isinstance(item, ast.Name)}
    joined = any(
        (isinstance(item, ast.BinOp) and isinstance(item.op, ast.BitOr))
        or (
            isinstance(item, ast.Subscript)
            and _chain(item.value)[-1:] in (["Union"], ["Annotated"])
        )
        for item in ast.walk(node.value)
    )
    return joined and names <= imported
