//! What becomes of plots.

use crate::Notebook;
use std::{fs::File, io::BufReader, path::Path};

const RED: [u8; 3] = [255, 0, 0];
const WHITE: [u8; 3] = [255, 255, 255];

/// Width in pixels, and the colours of all pixels, row by row.
fn decode(path: &Path) -> (usize, Vec<[u8; 3]>) {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap()))
        .read_info()
        .unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut bytes).unwrap();
    let samples = frame.color_type.samples();
    let pixels = bytes
        .chunks_exact(samples)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    (frame.width as usize, pixels)
}

#[tokio::test]
async fn a_line_is_where_it_was_drawn() {
    let mut notebook = Notebook::new().await;
    let code = "
import matplotlib.pyplot as plt
figure = plt.figure(figsize=(4, 3), dpi=100)
axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(0, 1))
axes.set_axis_off()
axes.axhline(0.25, color='red', linewidth=4 * 72 / 100)
plt.savefig('line.png', dpi=100)";
    notebook.run(code).await;
    let (width, pixels) = decode(&notebook.data.path().join("line.png"));
    let column: Vec<_> = pixels.chunks(width).map(|row| row[width / 2]).collect();
    let expected: Vec<_> = (0..300)
        .map(|row| {
            if (223..227).contains(&row) {
                RED
            } else {
                WHITE
            }
        })
        .collect();
    assert_eq!((width, column), (400, expected));
}

#[tokio::test]
async fn text_is_drawn() {
    let mut notebook = Notebook::new().await;
    let code = "
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
plt.figtext(0.5, 0.5, r'$\\sum x^2$ done', fontsize=40, ha='center')
plt.savefig('text.png')";
    notebook.run(code).await;
    let (width, pixels) = decode(&notebook.data.path().join("text.png"));
    let dark = pixels.iter().filter(|pixel| pixel[0] < 64).count();
    assert!(width == 640 && (1_000..40_000).contains(&dark), "{dark}");
}

#[tokio::test]
async fn show_saves_the_open_figures_and_closes_them() {
    let mut notebook = Notebook::new().await;
    let files = async |notebook: &mut Notebook, code: &str| {
        let cell = notebook.run(code).await;
        let names: Vec<_> = cell.artifacts.into_iter().map(|file| file.name).collect();
        (cell.value, names.join(" "))
    };
    let code = "
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.figure()
plt.plot([2, 1])
plt.show()
plt.get_fignums()";
    assert_eq!(
        files(&mut notebook, code).await,
        (Some("[]".into()), "figure-1.png figure-2.png".into())
    );
    let code = "
import os
os.remove('figure-1.png')
figure, axes = plt.subplots()
figure.show()
plt.show()
import pandas as pd
pd.Series([1, 2]).plot()
plt.show(block=False)";
    assert_eq!(
        files(&mut notebook, code).await,
        (None, "figure-1.png figure-3.png".into())
    );
}
