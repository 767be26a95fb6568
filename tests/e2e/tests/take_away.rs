//! What can be taken away from the page, and that it is what it says.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kubehop_e2e::{Page, serve_dist};
use serde_json::json;

fn open(page: &mut Page, url: &str) {
    page.navigate(url).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
    page.eval("document.querySelector('[aria-label^=\"Take away\"]').click()").unwrap();
    page.wait_until("document.querySelector('.take textarea')").unwrap();
}

fn take(page: &mut Page, what: &str) -> String {
    let button = "[...document.querySelectorAll('.take [aria-pressed]')].find(it => it.textContent === WHAT)";
    let button = button.replace("WHAT", &json!(what).to_string());
    page.eval(&format!("{button}.click()")).unwrap();
    page.wait_until(&format!("{button}.getAttribute('aria-pressed') === 'true'")).unwrap();
    page.wait_until("document.querySelector('.take textarea').value").unwrap();
    page.eval("document.querySelector('.take textarea').value").unwrap().as_str().unwrap().to_owned()
}

/// Clicks the download and reads what has arrived.
fn download(page: &mut Page, folder: &Path, name: &str) -> Vec<u8> {
    let behaviour = json!({ "behavior": "allow", "downloadPath": folder });
    page.call("Page.setDownloadBehavior", behaviour).unwrap();
    page.click(".take a[download]").unwrap();
    let path = folder.join(name);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !path.is_file() {
        assert!(Instant::now() < deadline, "{name} does not arrive: {:?}", page.complaints().unwrap());
        thread::sleep(Duration::from_millis(20));
    }
    fs::read(path).unwrap()
}

#[test]
fn the_link_and_the_frame_lead_back_to_the_step() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, &format!("{}?theme=dark#v=1&step=http.syn.node-a.encap", server.url()));
    let link = take(&mut page, "Link");
    assert_eq!(link, format!("{}#v=1&step=http.syn.node-a.encap", server.url()));
    let frame = take(&mut page, "Frame");
    assert!(frame.contains(&format!("src=\"{}?embed=1#v=1&amp;step=http.syn.node-a.encap\"", server.url())), "{frame}");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn capture_text_and_picture_are_files() {
    let server = serve_dist().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(xtask::root().join("target/screenshots")).unwrap();
    let mut page = Page::blank().unwrap();
    for (width, height) in [(1280, 720), (700, 450)] {
        page.resize(width, height).unwrap();
        page.navigate("about:blank").unwrap();
        page.navigate(&format!("{}?{width}", server.url())).unwrap();
        page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
        if width < 1040 {
            page.eval("document.querySelector('.top .more').click()").unwrap();
            page.wait_until("document.querySelector('.shr')").unwrap();
            page.eval("document.querySelector('.shr').click()").unwrap();
        } else {
            page.eval("document.querySelector('[aria-label^=\"Take away\"]').click()").unwrap();
        }
        page.wait_until("document.querySelector('.take textarea')").unwrap();
        let picture = take(&mut page, "Picture");
        page.screenshot(&xtask::root().join(format!("target/screenshots/take-away-{width}.png"))).unwrap();
        let size = page
            .eval(&format!(
                "new Promise((done, fail) => {{ const image = new Image(); image.onload = () => done([image.naturalWidth,
                    image.naturalHeight]); image.onerror = fail; image.src = 'data:image/svg+xml,' + encodeURIComponent({}) }})",
                json!(picture)
            ))
            .unwrap();
        assert_eq!(size, json!([800, 464]));
        for word in ["class=", "var(", "data-state", "style="] {
            assert!(!picture.contains(word), "{word} is in the picture");
        }
    }
    assert!(download(&mut page, folder.path(), "kubehop.svg").starts_with(b"<svg "));
    take(&mut page, "Capture");
    assert!(download(&mut page, folder.path(), "kubehop.pcapng").starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
    let text = take(&mut page, "Text");
    assert_eq!(String::from_utf8(download(&mut page, folder.path(), "kubehop.txt")).unwrap(), text);
    assert!(text.lines().count() > 20, "{text}");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

/// What stands where the program cannot run. `UPDATE_EXPECT=1` draws them anew.
#[test]
fn the_static_pictures_are_what_the_page_draws() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    for theme in ["light", "dark"] {
        let step = "step=http.syn.node-a.encap";
        open(&mut page, &format!("{}?theme={theme}#{step}", server.url()));
        let drawn = take(&mut page, "Picture");
        let path = xtask::root().join(format!("static/walk-{theme}.svg"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &drawn).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == drawn, "{} is not what the page draws; UPDATE_EXPECT=1 draws it anew", path.display());
    }
}
