//! Makes the pictures in docs/pictures/: one for each layout and theme, and a short walk that moves. `cargo xtask pictures`
//! runs this; nothing else does.

use std::fs;
use std::path::PathBuf;

use kubehop_e2e::{Page, serve_dist};

const LAYOUTS: [(&str, u32, u32); 3] = [("full", 1280, 720), ("rail", 700, 450), ("line", 360, 740)];
/// Quality of a picture that stands still, and of one of many.
const QUALITY: (u32, u32) = (68, 36);
/// What moves: its size, and the steps between two of its pictures, for not every step can be seen on the canvas.
const SIZE: (u32, u32) = (820, 520);
const STRIDE: usize = 4;
/// Milliseconds for which a step is shown.
const MILLIS: u32 = 900;

fn folder() -> PathBuf {
    let folder = xtask::root().join("docs/pictures");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn open(page: &mut Page, url: &str) {
    page.navigate("about:blank").unwrap();
    page.navigate(url).unwrap();
    page.wait_until("document.querySelector('.kh section')").unwrap();
    page.eval("new Promise(done => setTimeout(done, 400))").unwrap();
}

#[test]
fn each_layout_in_each_theme() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for theme in ["light", "dark"] {
        page.emulate_media(&[("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]).unwrap();
        for (layout, width, height) in LAYOUTS {
            page.resize(width, height).unwrap();
            open(&mut page, &format!("{}#step=http.syn.node-a.encap", server.url()));
            let picture = page.picture(QUALITY.0).unwrap();
            fs::write(folder().join(format!("{layout}-{theme}.webp")), picture).unwrap();
        }
    }
}

#[test]
fn a_walk_that_moves() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.emulate_media(&[("prefers-color-scheme", "light"), ("prefers-reduced-motion", "reduce")]).unwrap();
    page.resize(SIZE.0, SIZE.1).unwrap();
    open(&mut page, &format!("{}?controls=none&view=canvas#step=http.syn.node-a.bridge", server.url()));
    let mut frames = Vec::new();
    loop {
        let here = "document.querySelector('.kh').textContent";
        let before = page.eval(here).unwrap();
        frames.push(page.picture(QUALITY.1).unwrap());
        page.eval("document.querySelector('.kh').focus()").unwrap();
        for _ in 0..STRIDE {
            page.press("ArrowRight").unwrap();
        }
        page.eval("new Promise(done => setTimeout(done, 300))").unwrap();
        if page.eval(here).unwrap() == before || frames.len() == 13 {
            break;
        }
    }
    assert!(frames.len() > 5);
    fs::write(folder().join("walk.webp"), animate(&frames, SIZE.0, SIZE.1)).unwrap();
}

/// Pictures one after the other, again and again: an animated WebP around the data of still ones
/// (<https://developers.google.com/speed/webp/docs/riff_container>).
fn animate(pictures: &[Vec<u8>], width: u32, height: u32) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    let size = [three(width - 1), three(height - 1)].concat();
    chunk(&mut body, b"VP8X", &[[2, 0, 0, 0].as_slice(), &size].concat());
    chunk(&mut body, b"ANIM", &[0; 6]);
    for picture in pictures {
        let head = [[0; 6].as_slice(), &size, &three(MILLIS), &[2]].concat();
        chunk(&mut body, b"ANMF", &[head, data(picture)].concat());
    }
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    file.extend(body);
    file
}

/// The chunks of a still picture that hold its pixels.
fn data(picture: &[u8]) -> Vec<u8> {
    let (mut found, mut rest) = (Vec::new(), &picture[12..]);
    while rest.len() >= 8 {
        let len = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let (one, next) = rest.split_at((8 + len.next_multiple_of(2)).min(rest.len()));
        if matches!(&one[..4], b"VP8 " | b"VP8L" | b"ALPH") {
            found.extend(one);
        }
        rest = next;
    }
    found
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    out.extend(name);
    out.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    out.extend(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
}

fn three(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}
