//! How long the page takes. `cargo xtask bench` makes rows of what this prints.

use kubehop_e2e::{Page, measure_next, median, serve_dist};

#[test]
fn next() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    page.navigate(server.url()).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
    let times = measure_next(&mut page, 200).unwrap();
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    #[expect(clippy::print_stdout, reason = "this is what the bench reads")]
    {
        println!("figure: Next, click to layout | {fastest:.2} ms | {:.2} ms", median(times));
    }
}
