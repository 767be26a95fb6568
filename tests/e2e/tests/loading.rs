//! The page loads wherever it is put, and asks for nothing but its own files.

use kubehop_e2e::{Page, serve_dist, serve_dist_with};
use std::thread;
use std::time::{Duration, Instant};

const IS_SHOWN: &str = "document.querySelector('#kubehop *') !== null";

#[test]
fn the_page_starts_without_a_complaint() {
    let server = serve_dist().unwrap();
    let mut page = Page::open(server.url()).unwrap();
    page.wait_until(IS_SHOWN).unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn the_page_starts_under_any_path() {
    let server = serve_dist_with(|site| site.under = "/docs/networking/".to_owned()).unwrap();
    let mut page = Page::open(server.url()).unwrap();
    page.wait_until(IS_SHOWN).unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn the_page_starts_in_a_sandboxed_frame() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    let frame = format!(r#"<iframe sandbox="allow-scripts" src="{}"></iframe>"#, server.url());
    page.eval(&format!("document.body.innerHTML = {frame:?}")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while page.eval_in_frame(IS_SHOWN).unwrap() != true {
        assert!(Instant::now() < deadline, "nothing is shown: {:?}", page.complaints().unwrap());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(page.eval_in_frame("origin").unwrap(), "null");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_program_that_has_stopped_says_so() {
    let server = serve_dist().unwrap();
    let mut page = Page::open(server.url()).unwrap();
    page.wait_until(IS_SHOWN).unwrap();
    // A module whose one function traps, as a panic of the page does.
    let module = "[0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,5,1,3,0,0,11]";
    let trap = format!("new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array({module}))).exports.f()");
    page.eval(&format!("setTimeout(() => {trap})")).unwrap();
    page.wait_until("document.querySelector('[role=alert].stopped')?.textContent.includes('Reload the page')").unwrap();
}
