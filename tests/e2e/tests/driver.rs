//! The driver itself: what it would not notice, no other test here could.

use std::fs;

use kubehop_e2e::{Page, serve_dist};
use xtask::server::Site;

const HEAD: &str = "<!doctype html><link rel=icon href=data:,>";

/// Opens pages with this markup, one after the other under the strict headers, and looks for what is expected.
fn check(cases: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let server = Site::new(folder.path().to_owned()).serve(0).unwrap();
    let mut page = Page::blank().unwrap();
    for (number, (body, expected)) in cases.iter().enumerate() {
        let script = body.strip_prefix("js: ").unwrap_or_default();
        let body = if script.is_empty() { (*body).to_owned() } else { format!("<script src={number}.js></script>") };
        fs::write(folder.path().join(format!("{number}.js")), script).unwrap();
        fs::write(folder.path().join(format!("{number}.html")), format!("{HEAD}{body}")).unwrap();
        let before = page.complaints().unwrap().len();
        page.navigate(&format!("{}{number}.html", server.url())).unwrap();
        let found = page.complaints().unwrap()[before..].join("\n");
        assert!(found.contains(expected), "{body} {script}: {found:?}");
        assert_eq!(found.is_empty(), expected.is_empty(), "{body} {script}: {found:?}");
    }
}

#[test]
fn each_kind_of_fault_is_noticed_and_nothing_else() {
    check(&[
        ("js: console.log('all well')", ""),
        ("js: console.error('no', 7)", "console.error: no 7"),
        ("js: throw new Error('thrown')", "exception: Error: thrown"),
        ("js: fetch('nothing.json')", "status 404"),
        ("<script>1</script>", "Content Security Policy"),
        ("<p style='color: red'>", "Content Security Policy"),
        ("<img src='http://127.0.0.2:9/a.png'>", "Content Security Policy"),
        ("<a href='http://127.0.0.2:9/'>elsewhere</a>", ""),
    ]);
}

#[test]
fn a_request_to_another_origin_is_noticed() {
    let here = serve_dist().unwrap();
    let elsewhere = serve_dist().unwrap();
    let mut page = Page::open(here.url()).unwrap();
    page.navigate(elsewhere.url()).unwrap();
    let found = page.complaints().unwrap().join("\n");
    assert!(found.contains(&format!("request to another origin: {}", elsewhere.url())), "{found:?}");
}

#[test]
fn keys_and_clicks_arrive_as_a_person_makes_them() {
    let mut page = Page::blank().unwrap();
    page.resize(640, 480).unwrap();
    page.eval(
        "document.body.innerHTML = '<button>one</button><input>';
         window.seen = [];
         for (const kind of ['keydown', 'click'])
             addEventListener(kind, event => seen.push(event.isTrusted && (event.key ?? event.target.textContent)));",
    )
    .unwrap();
    page.click("button").unwrap();
    for key in ["ArrowRight", "Tab", "k", "Shift+Tab", "Enter"] {
        page.press(key).unwrap();
    }
    // Enter on the focused button clicks it.
    let seen = page.eval("seen.join()").unwrap();
    assert_eq!(seen, "one,ArrowRight,Tab,k,Tab,Enter,one");
    assert_eq!(page.eval("document.querySelector('input').value").unwrap(), "k");
    assert_eq!(page.eval("[innerWidth, innerHeight].join()").unwrap(), "640,480");
}

#[test]
fn media_features_and_pictures_can_be_had() {
    let mut page = Page::blank().unwrap();
    page.emulate_media(&[("prefers-color-scheme", "dark")]).unwrap();
    assert_eq!(page.eval("matchMedia('(prefers-color-scheme: dark)').matches").unwrap(), true);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.png");
    page.screenshot(&file).unwrap();
    assert!(fs::read(file).unwrap().starts_with(b"\x89PNG"));
}
