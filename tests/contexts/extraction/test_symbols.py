"""Functions and classes that edits touch, by trees and line by line."""

import pytest

from contexts.extraction import trees
from contexts.extraction.edits import file_edit, from_texts

# Path, text before and after; what `symbols` lists: added, then changed, then removed.
WHOLE = [
    ("a.py", "class A:\n    def f(self):\n        pass\n\n    def g(self):\n        pass\n",
     "class A:\n    def f(self):\n        return 1\n\n    def h(self):\n        pass\n",
     ["A.h", "A.f", "A.g"]),
    ("decorated.py", "@a\ndef f():\n    pass\n", "@b\ndef f():\n    pass\n", ["f"]),
    ("inner.py", "def f():\n    def inner():\n        pass\n    return inner\n",
     "def f():\n    def inner():\n        return 1\n    return inner\n", ["f"]),
    ("nested.py", "class A:\n    class B:\n        def f(self):\n            pass\n",
     "class A:\n    class B:\n        def f(self):\n            return 1\n", ["A.B.f"]),
    ("async.py", "", "async def f():\n    pass\n", ["f"]),
    ("field.py", "class A:\n    x = 1\n\n    def f(self):\n        pass\n",
     "class A:\n    x = 2\n\n    def f(self):\n        pass\n", ["A"]),
    ("top.py", "x = 1\n\n\ndef f():\n    pass\n", "x = 2\n\n\ndef f():\n    pass\n", []),
    ("renamed.py", "def f():\n    a()\n    b()\n", "def g():\n    a()\n    b()\n", ["g", "f"]),
    ("a.ts", "class A {\n  f(): void {\n    a();\n  }\n}\n",
     "class A {\n  f(): void {\n    b();\n  }\n  async g(x: number): Promise<void> {\n  }\n}\n",
     ["A.g", "A.f"]),
    ("a.tsx", "const Card = () => {\n  return <a />;\n};\n",
     "const Card = () => {\n  return <b />;\n};\n", ["Card"]),
    ("a.js", "", "export function f() {\n}\nconst x = 1;\n", ["f"]),
    ("a.go", "package a\n\nfunc (c *Client) Push() {\n\ta()\n}\n",
     "package a\n\ntype Store struct {\n}\n\nfunc (c *Client) Push() {\n\tb()\n}\n",
     ["Store", "Client.Push"]),
    ("a.rs", "impl Client {\n    fn push(&self) {\n        a();\n    }\n}\n",
     "impl Client {\n    pub async fn push(&self) {\n        b();\n    }\n}\nstruct A;\n",
     ["A", "Client.push"]),
    ("A.java", "class A {\n    public void f() {\n        a();\n    }\n}\n",
     "class A {\n    public void f() {\n        b();\n    }\n}\n", ["A.f"]),
    ("a.rb", "class A\n  def f\n    a\n  end\nend\n",
     "class A\n  def f\n    b\n  end\n\n  def g?\n  end\nend\n", ["A.g?", "A.f"]),
    ("A.cs", "class A {\n    public int F() {\n        return 1;\n    }\n}\n",
     "class A {\n    public int F() {\n        return 2;\n    }\n}\n", ["A.F"]),
    ("a.php", "<?php\nclass A {\n    public function f() {\n        a();\n    }\n}\n",
     "<?php\nclass A {\n    public function f() {\n        b();\n    }\n}\n", ["A.f"]),
    ("a.kt", "class A {\n    fun f() {\n        a()\n    }\n}\n",
     "class A {\n    fun f() {\n        b()\n    }\n}\n", ["A.f"]),
    ("a.txt", "def f():\n", "def g():\n", []),
]  # fmt: skip
IDS = [row[0] for row in WHOLE]


@pytest.mark.parametrize(("path", "old", "new", "wanted"), WHOLE, ids=IDS)
@pytest.mark.parametrize("extra", [True, False], ids=["trees", "lines"])
def test_whole_texts_tell_the_functions_and_classes(
    path: str, old: str, new: str, wanted: list[str], extra: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not extra:
        monkeypatch.setattr(trees, "SgRoot", None)
    assert from_texts(path, old, new)["changes"][0]["symbols"] == wanted


@pytest.mark.parametrize(("path", "old", "new", "wanted"), WHOLE, ids=IDS)
def test_their_diff_alone_tells_the_same(path: str, old: str, new: str, wanted: list[str]) -> None:
    text = from_texts(path, old, new)["diff"]
    assert file_edit({"changes": text})["changes"][0]["symbols"] == wanted


PIECES = [
    ("a method of the class in the head", "a.py", "class Client:",
     ["     def push(self):", "-        a()", "+        b()"], ["Client.push"]),
    ("the head's function", "a.py", "def push():", ["     a()", "-    b()", "+    c()"], ["push"]),
    ("only the class is known", "a.py", "class Client:", ["         a()", "+        b()"],
     ["Client"]),
    ("a function after the head's", "a.py", "def push():",
     ["     a()", " ", " ", "+def pull():", "+    b()"], ["pull"]),
    ("a method after the head's", "a.py", "def push(self):",
     ["         a()", " ", "+    def pull(self):", "+        b()"], ["pull"]),
    ("nothing known", "a.py", "", ["-    b()", "+    c()"], []),
    ("the end of one and the beginning of another", "a.js", "function f() {",
     ["-  a();", "+  b();", " }", " ", " function g() {", "+  c();", " }"], ["f", "g"]),
    ("after the closing brace", "a.js", "function f() {", ["   a();", " }", "+const x = 1;"], []),
    ("a signature that changed", "a.py", "", ["-def f(a):", "+def f(a, b):", "     c()"], ["f"]),
    ("a call is no method", "a.ts", "", ["+  if (a) {", "+  while (b) {", "+  f(a);"], []),
    ("a removed method", "a.go", "", ["-func (c *Client) Push(x int) error {", "-\ta()", "-}"],
     ["Client.Push"]),
    ("Java with generics", "A.java", "public class Store<T> {",
     ["+    public Map<String, List<T>> all(int a) throws E {", "+    }"], ["Store.all"]),
    ("a return is no method", "A.java", "", ["+        return new Store();", "+    new A();"], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "section", "lines", "wanted"), [row[1:] for row in PIECES], ids=[r[0] for r in PIECES]
)
def test_pieces_tell_what_their_lines_and_heads_show(
    path: str, section: str, lines: list[str], wanted: list[str]
) -> None:
    old, new = (sum(line[0] in sides for line in lines) for sides in (" -", " +"))
    text = f"--- a/{path}\n+++ b/{path}\n@@ -9,{old} +9,{new} @@ {section}\n" + "\n".join(lines)
    assert file_edit({"changes": text + "\n"})["changes"][0]["symbols"] == wanted


def test_the_new_text_tells_what_a_piece_does_not() -> None:
    body = "".join(f"        a({number})\n" for number in range(9))
    old = f"class Client:\n    def push(self):\n{body}        b()\n"
    text = from_texts("a.py", old, old.replace("b()", "c()"))["diff"]
    assert file_edit({"changes": text})["changes"][0]["symbols"] == []
    told = file_edit({"changes": text, "content": old.replace("b()", "c()")})
    assert told["changes"][0]["symbols"] == ["Client.push"]
