//! What the packages of the pack do.

use crate::{Notebook, cache::cache_dir};
use glm_agent_sandbox::{Limits, Outcome, scientific};
use std::time::Duration;

#[tokio::test]
async fn numpy() {
    let mut notebook = Notebook::new().await;
    let code = "
import numpy as np
matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
print(np.linalg.solve(matrix, [3, 5]), np.linalg.eigvalsh(matrix).round(4))
print(np.fft.rfft([1, 0, 0, 0]), np.arange(6).reshape(2, 3).T.tolist())
np.arange(3).dtype, np.arange(3, dtype='int64').sum()";
    assert_eq!(
        notebook.see(code).await,
        "[0.8 1.4] [1.382 3.618]\n[1.+0.j 1.+0.j 1.+0.j] [[0, 3], [1, 4], [2, 5]]\n(dtype('int32'), np.int64(3))"
    );
}

#[tokio::test]
async fn pandas() {
    let mut notebook = Notebook::new().await;
    let code = "
import pandas as pd
sales = pd.DataFrame({'city': ['Rome', 'Oslo', 'Rome'], 'sold': [3, 5, 4]})
sales.to_csv('sales.csv', index=False)
sales.to_excel('sales.xlsx', index=False)
assert pd.read_csv('sales.csv').equals(pd.read_excel('sales.xlsx'))
sales.groupby('city').sold.agg(['sum', 'mean'])";
    let cell = notebook.run(code).await;
    assert_eq!(
        cell.value.as_deref(),
        Some("      sum  mean\ncity           \nOslo    5   5.0\nRome    7   3.5")
    );
    let names: Vec<_> = cell.artifacts.iter().map(|file| &file.name).collect();
    assert_eq!(names, ["sales.csv", "sales.xlsx"]);
}

#[tokio::test]
async fn scipy_and_scikit_learn() {
    let mut notebook = Notebook::new().await;
    let code = "
import numpy as np
from scipy import integrate, optimize, stats
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
print(optimize.brentq(lambda x: x**2 - 2, 0, 2), integrate.quad(np.sin, 0, np.pi)[0], stats.norm.ppf(0.975))
print(LinearRegression().fit([[0], [1], [2]], [1, 3, 5]).coef_)
inputs, kinds = load_iris(return_X_y=True)
RandomForestClassifier(n_estimators=20, random_state=0, n_jobs=2).fit(inputs, kinds).score(inputs, kinds)";
    assert_eq!(
        notebook.see(code).await,
        "1.4142135623731364 2.0 1.959963984540054\n[2.]\n1.0"
    );
}

#[tokio::test]
async fn what_was_not_imported_yet() {
    let mut notebook = Notebook::new().await;
    let code = "
import asyncio, networkx, sympy, zoneinfo, datetime
import statsmodels.api as sm
from PIL import Image
from lxml import etree
async def main():
    await asyncio.sleep(0.01)
    return sympy.integrate(sympy.Symbol('x'))
print(asyncio.run(main()), sm.OLS([1, 2, 3], [1, 2, 3]).fit().params, etree.fromstring('<a><b/></a>')[0].tag)
print(datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo('Asia/Shanghai')))
Image.new('RGB', (3, 2)).size, networkx.shortest_path(networkx.path_graph(3), 0, 2)";
    assert_eq!(
        notebook.see(code).await,
        "x**2/2 [1.] b\n2024-01-01 00:00:00+08:00\n((3, 2), [0, 1, 2])"
    );
}

#[tokio::test]
async fn what_is_missing_is_said_in_one_line() {
    let mut notebook = Notebook::new().await;
    assert_eq!(
        notebook.see("import torch").await,
        "ModuleNotFoundError: No module named 'torch' (this sandbox has the standard library, numpy, \
         pandas, scipy, scikit-learn, statsmodels, matplotlib, seaborn, sympy, networkx, Pillow, lxml, \
         openpyxl and what they need, and nothing can be installed)\n"
    );
}

#[tokio::test]
async fn numbers_drawn_at_random_differ_between_sessions() {
    let code = "import numpy as np, random\n(np.random.rand(), np.random.default_rng().random(), random.random())";
    let draws = [
        Notebook::new().await.see(code).await,
        Notebook::new().await.see(code).await,
    ];
    assert_ne!(draws[0], draws[1]);
}

#[tokio::test]
async fn arrays_beyond_the_limit_of_memory() {
    let mut notebook = Notebook::new().await;
    notebook.run("import numpy as np\nx = 41").await;
    let cell = notebook
        .run("kept = [np.ones(1_000_000) for _ in range(100)]")
        .await;
    assert!(
        matches!(&cell.outcome, Outcome::Raised { kind, .. } if kind == "MemoryError"),
        "{cell:?}"
    );
    assert_eq!(cell.notes, ["the memory limit is 256 MiB"]);
    assert_eq!(notebook.see("x + 1").await, "42");
}

/// Array code never calls the host, and only the epochs of its own loops end it.
#[tokio::test]
async fn arithmetic_without_end_is_stopped() {
    let mut notebook = Notebook::with(Limits {
        wall: Duration::from_secs(2),
        ..Limits::default()
    })
    .await;
    notebook
        .run("import numpy as np\nmatrix = np.eye(1000)")
        .await;
    let cell = notebook.run("while True: matrix = matrix @ matrix").await;
    assert!(matches!(cell.outcome, Outcome::TimedOut { .. }), "{cell:?}");
    assert_eq!(notebook.see("matrix.shape").await, "(1000, 1000)");
}

#[tokio::test]
async fn large_files_are_written_whole_and_under_the_quota() {
    let mut notebook = Notebook::with(Limits {
        disk_bytes: 48 << 20,
        ..Limits::default()
    })
    .await;
    let code = "
import numpy as np
numbers = np.arange(5_000_000, dtype='float64')
np.save('numbers.npy', numbers)
(np.load('numbers.npy') == numbers).all()";
    assert_eq!(notebook.run(code).await.value.as_deref(), Some("np.True_"));
    let seen = notebook.see("np.save('more.npy', numbers)").await;
    assert!(
        seen.contains("No space left on device")
            && seen.ends_with("note: /mnt/data holds at most 48 MiB"),
        "{seen}"
    );
    // Writing over what is there takes nothing.
    assert_eq!(
        notebook
            .run("with open('numbers.npy', 'r+b') as file: file.write(bytes(30_000_000))")
            .await
            .outcome,
        Outcome::Finished
    );
}

#[tokio::test]
async fn the_library_can_be_read_only() {
    let mut notebook = Notebook::new().await;
    let code = "
import os
library = '/usr/local/lib/python315.zip'
def attempt(action):
    try:
        return action()
    except OSError as error:
        return type(error).__name__
outcomes = [attempt(action) for action in [
    lambda: open(library, 'wb'),
    lambda: open(library, 'r+b'),
    lambda: os.truncate(library, 0),
    lambda: os.unlink(library),
    lambda: os.rename(library, '/mnt/data/library'),
    lambda: open('x', 'w').close() or os.rename('x', '/usr/local/lib/x'),
    lambda: os.mkdir('/usr/local/lib/x'),
    lambda: os.listdir('/usr/local'),
    lambda: open('/usr/local/lib/../LICENSES/numpy.txt'),
]]
outcomes, os.listdir('/usr/local/lib'), os.path.getsize(library) > 50_000_000";
    assert_eq!(
        notebook.run(code).await.value.as_deref(),
        Some(
            "(['PermissionError', 'PermissionError', 'PermissionError', 'PermissionError', \
             'PermissionError', 'PermissionError', 'PermissionError', 'FileNotFoundError', \
             'PermissionError'], ['python315.zip'], True)"
        )
    );
}

#[tokio::test]
async fn an_installed_pack_is_not_installed_again() {
    let cache_dir = cache_dir();
    drop(Notebook::new().await);
    scientific::install(&cache_dir, &|step| {
        panic!("nothing is to be done, but {step}")
    })
    .await
    .unwrap();
    let bytes = scientific::installed(&cache_dir).unwrap().unwrap();
    let stated = scientific::DISK_BYTES;
    assert!(
        bytes.abs_diff(stated) < stated / 20,
        "{bytes} bytes, where {stated} are stated"
    );
}
