r"""TeX between dollars, as in `$x^2$` or `$\sqrt{\pi}$`, to plain characters, some
of them raised or lowered. Fractions become `a/b`."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Text of one style; `level` is 1 for a superscript and -1 for a subscript."""

    text: str
    level: int = 0
    italic: bool = False
    bold: bool = False


_GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
        "phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega "
        "varepsilon vartheta varphi varrho varsigma".split(),
        "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩεϑφϱς",
    )
)
_SYMBOLS = dict(
    entry.split(":")
    for entry in """
    cdot:· times:× div:÷ pm:± mp:∓ ast:∗ star:⋆ circ:∘ bullet:• leq:≤ le:≤ geq:≥ ge:≥ neq:≠ ne:≠ approx:≈
    equiv:≡ sim:∼ propto:∝ ll:≪ gg:≫ infty:∞ partial:∂ nabla:∇ sum:∑ prod:∏ int:∫ oint:∮ to:→ rightarrow:→
    leftarrow:← Rightarrow:⇒ Leftarrow:⇐ leftrightarrow:↔ mapsto:↦ uparrow:↑ downarrow:↓ in:∈ notin:∉ subset:⊂
    subseteq:⊆ cup:∪ cap:∩ emptyset:∅ forall:∀ exists:∃ neg:¬ wedge:∧ vee:∨ perp:⊥ parallel:∥ angle:∠ degree:°
    prime:′ hbar:ℏ ell:ℓ Re:ℜ Im:ℑ ldots:… cdots:⋯ dots:… langle:⟨ rangle:⟩ lfloor:⌊ rfloor:⌋ lceil:⌈ rceil:⌉
    mid:|
""".split()
)
_SYMBOLS |= {"quad": "  ", "qquad": "    "}
_CHARACTERS = {",": " ", ";": " ", ":": " ", "!": "", " ": " ", "|": "∥", "\\": " "}
_ACCENTS = {
    "bar": "\u0304",
    "overline": "\u0304",
    "hat": "\u0302",
    "widehat": "\u0302",
    "tilde": "\u0303",
    "vec": "\u20d7",
    "dot": "\u0307",
    "ddot": "\u0308",
}
_IGNORED = {"left", "right", "displaystyle", "limits", "big", "Big", "bigl", "bigr"}
_ROMAN = {"mathrm", "text", "textrm", "operatorname", "mathdefault", "rm", "mathsf", "mathtt"}
_BOLD = {"mathbf", "boldsymbol", "textbf"}
_BLACKBOARD = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "P": "ℙ", "E": "𝔼"}
_TOKEN = re.compile(r"\\([a-zA-Z]+)\s*|\\(.)|(\s+)|(.)")
# What needs no brackets: a name or number above a fraction's line; below it, or under
# a root, one letter, a number or a differential.
_SIMPLE_ABOVE, _SIMPLE_BELOW = re.compile(r"−?[\w.]*"), re.compile(r"\d*\.?\d*|\w|d\w")


def pieces(line):
    """The pieces of one line of text. An odd number of dollars is no TeX."""
    parts = re.split(r"(?<!\\)\$", line)
    plain = [part.replace(r"\$", "$") for part in parts]
    if len(parts) % 2 == 0:
        return [Piece("$".join(plain))]
    result = []
    for index, part in enumerate(parts):
        if index % 2:
            result.extend(_Reader(part).read())
        elif part:
            result.append(Piece(plain[index]))
    return _joined(result)


def _joined(found):
    """Neighbours of one style made one."""
    result = []
    for piece in found:
        last = result[-1] if result else None
        if last and (last.level, last.italic, last.bold) == (piece.level, piece.italic, piece.bold):
            result[-1] = Piece(last.text + piece.text, piece.level, piece.italic, piece.bold)
        elif piece.text:
            result.append(piece)
    return result


class _Reader:
    """Reads one formula."""

    def __init__(self, source):
        self._tokens = [match.groups() for match in _TOKEN.finditer(source)]
        self._next = 0

    def read(self, level=0, roman=False, bold=False, closing=False):
        """Pieces up to the end, or up to the brace that closes the group."""
        result = []
        while self._next < len(self._tokens):
            if closing and self._tokens[self._next][3] == "}":
                self._next += 1
                break
            result.extend(self._atom(level, roman, bold))
        return result

    def _argument(self, level=0, roman=False, bold=False):
        while self._next < len(self._tokens) and self._tokens[self._next][2]:
            self._next += 1
        return self._atom(level, roman, bold) if self._next < len(self._tokens) else []

    def _atom(self, level, roman, bold):
        command, escaped, space, character = self._tokens[self._next]
        self._next += 1
        if command:
            return self._command(command, level, roman, bold)
        if space:
            return [Piece(" ", level)] if roman else []
        if escaped:
            return [Piece(_CHARACTERS.get(escaped, escaped), level)]
        if character == "{":
            return self.read(level, roman, bold, closing=True)
        if character in "^_":
            return self._argument(level or (1 if character == "^" else -1), roman, bold)
        if character == "}":
            return []
        text = {"-": "−", "*": "∗", "'": "′"}.get(character, character)
        if text in "=<>+−" and not level:
            text = f" {text} " if text in "=<>" else text
        return [Piece(text, level, italic=character.isalpha() and not roman, bold=bold)]

    def _command(self, command, level, roman, bold):
        if command in _GREEK:
            return [Piece(_GREEK[command], level, italic=command[0].islower() and not roman, bold=bold)]
        if command in _SYMBOLS:
            symbol = _SYMBOLS[command]
            return [Piece(f" {symbol} " if symbol in "≤≥≠≈≡→⇒∈" and not level else symbol, level, bold=bold)]
        if command in _IGNORED:
            if self._next < len(self._tokens) and self._tokens[self._next][3] == "." and command in ("left", "right"):
                self._next += 1
            return []
        if command in _ROMAN:
            return self._argument(level, True, bold)
        if command in _BOLD:
            return self._argument(level, True, True)
        if command in ("mathit", "mathcal", "textit"):
            return self._argument(level, False, bold)
        if command == "mathbb":
            return [Piece(_BLACKBOARD.get(piece.text, piece.text), level) for piece in self._argument(level, True)]
        if command in ("frac", "dfrac", "tfrac"):
            above, below = self._argument(level, roman, bold), self._argument(level, roman, bold)
            return [*_bracketed(above, level, _SIMPLE_ABOVE), Piece("/", level), *_bracketed(below, level)]
        if command == "sqrt":
            return [Piece("√", level), *_bracketed(self._argument(level, roman, bold), level)]
        if command in _ACCENTS:
            inner = self._argument(level, roman, bold)
            return [Piece("".join(c + _ACCENTS[command] for c in p.text), p.level, p.italic, p.bold) for p in inner]
        return [Piece(command, level, bold=bold)]


def _bracketed(inner, level, simple=_SIMPLE_BELOW):
    """In brackets, unless it is simple."""
    text = "".join(piece.text for piece in inner if piece.level == level)
    if simple.fullmatch(text):
        return inner
    return [Piece("(", level), *inner, Piece(")", level)]
