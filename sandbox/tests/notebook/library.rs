//! What is there to import, and what is not.

use crate::Notebook;

#[tokio::test]
async fn the_standard_library() {
    let mut notebook = Notebook::new().await;
    let code = r#"
import collections, csv, datetime, decimal, fractions, hashlib, io, itertools, json, math, re, sqlite3, statistics, zlib
print(json.loads('{"a": [1, 2.5, null]}'))
print(re.findall(r"\d+", "a1b22"), math.comb(10, 3), statistics.stdev([1, 2, 4]))
print(datetime.date(2024, 2, 28) + datetime.timedelta(days=2))
print(decimal.Decimal("0.1") + decimal.Decimal("0.2"), fractions.Fraction(1, 3) * 3)
print(hashlib.sha256(b"x").hexdigest()[:8], zlib.crc32(b"a"))
print(list(csv.reader(io.StringIO('1,"a,b"'))))
database = sqlite3.connect(":memory:")
database.execute("create table t(a)")
database.execute("insert into t values(41)")
database.commit()
print(database.execute("select a + 1 from t").fetchall())
"#;
    assert_eq!(
        notebook.see(code).await,
        "{'a': [1, 2.5, None]}\n['1', '22'] 120 1.5275252316519468\n2024-03-01\n0.3 1\n2d711642 3904355907\n[['1', 'a,b']]\n[(42,)]\n"
    );
}

#[tokio::test]
async fn sympy() {
    let mut notebook = Notebook::new().await;
    let code = "
from sympy import *
x = symbols('x')
print(solve(x**2 - 5*x + 6, x), integrate(sin(x)**2, x), limit(sin(x)/x, x, 0))
print(N(pi, 30), factorint(1517), Matrix([[2, 1], [1, 3]]).inv())
print(dsolve(Function('f')(x).diff(x) - Function('f')(x)))
parse_expr('2*x + 1').subs(x, 4)
";
    assert_eq!(
        notebook.see(code).await,
        "[2, 3] x/2 - sin(x)*cos(x)/2 1\n3.14159265358979323846264338328 {37: 1, 41: 1} Matrix([[3/5, -1/5], [-1/5, 2/5]])\nEq(f(x), C1*exp(x))\n9"
    );
}

#[tokio::test]
async fn modules_that_the_snapshot_has_not_loaded() {
    let mut notebook = Notebook::new().await;
    let code = "
import sys
names = ['wave', 'sched', 'xmlrpc.client', 'mpmath.calculus.odes', 'sympy.physics.optics', 'json.tool']
fresh = [name for name in names if name not in sys.modules]
for name in names: __import__(name)
import inspect, sched
print(fresh, inspect.getsource(sched.scheduler.empty).split()[0])
";
    assert_eq!(
        notebook.see(code).await,
        "['wave', 'sched', 'xmlrpc.client', 'sympy.physics.optics', 'json.tool'] def\n"
    );
}

#[tokio::test]
async fn tracebacks_through_the_library_show_its_lines() {
    let mut notebook = Notebook::new().await;
    let seen = notebook.see("import statistics\nstatistics.mean([])").await;
    assert_eq!(
        seen,
        "Traceback (most recent call last):\n  File \"<cell 1>\", line 2, in <module>\n    statistics.mean([])\n    ~~~~~~~~~~~~~~~^^^^\n  File \"/python/statistics.py\", line 177, in mean\n    raise StatisticsError('mean requires at least one data point')\nstatistics.StatisticsError: mean requires at least one data point\n"
    );
}

#[tokio::test]
async fn asyncio() {
    let mut notebook = Notebook::new().await;
    let code = "
import asyncio
async def twice(n):
    await asyncio.sleep(0.01)
    return 2 * n
async def main():
    return await asyncio.gather(*map(twice, range(3)))
asyncio.run(main())
";
    assert_eq!(notebook.see(code).await, "[0, 2, 4]");
}

#[tokio::test]
async fn what_is_missing_is_said_in_one_line() {
    let mut notebook = Notebook::new().await;
    assert_eq!(
        notebook.see("import numpy as np\nnp.zeros(3)").await,
        "ModuleNotFoundError: No module named 'numpy' (part of the scientific pack: glm sandbox install scientific)\n"
    );
    assert_eq!(
        notebook.see("import seaborn as sns").await,
        "ModuleNotFoundError: No module named 'seaborn' (this sandbox has the standard library, sympy and mpmath, and nothing can be installed)\n"
    );
    assert_eq!(
        notebook
            .see("import importlib.util\nimportlib.util.find_spec('numpy') is None")
            .await,
        "True"
    );
}
