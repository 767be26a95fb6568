//! The page in a frame: what its host can ask and hears, and what a sandbox takes away.

use kubehop_e2e::{Host, Page};

/// Puts a frame into an empty host page, and keeps what it says.
fn open(attributes: &str, address: &str) -> (Host, Page) {
    let host = Host::serve(
        &[("page.html", "<!doctype html><title>host</title><link rel=icon href=data:,><body>")],
        &["kubehop"],
        "",
    )
    .unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 900).unwrap();
    page.navigate(&host.url("page.html")).unwrap();
    page.eval(&format!(
        "window.heard = [];
        addEventListener('message', event => heard.push(event.data));
        window.ask = (type, more) => new Promise(done => {{
            const id = Math.random();
            addEventListener('message', ({{ data }}) => data.id === id && done(data));
            document.querySelector('iframe').contentWindow.postMessage({{ v: 1, id, type, ...more }}, '*');
        }});
        document.body.innerHTML = `<iframe {attributes} width=900 height=600 src='kubehop/index.html{address}'></iframe>`"
    ))
    .unwrap();
    page.wait_until("heard.some(data => data.type === 'ready')").unwrap();
    (host, page)
}

#[test]
fn a_sandboxed_frame_answers_its_host() {
    let (_host, mut page) = open("sandbox=allow-scripts", "?embed=1#v=1&step=http.syn.node-a.route");
    assert_eq!(page.eval("heard.find(data => data.type === 'ready').detail.step").unwrap(), "http.syn.node-a.route");
    page.wait_until("heard.some(data => data.type === 'resize')").unwrap();
    assert_eq!(page.eval("heard.find(data => data.type === 'resize').detail.height").unwrap(), 450);
    let index = page.eval("ask('getState').then(reply => reply.detail.index)").unwrap().as_u64().unwrap();
    assert_eq!(page.eval("ask('next').then(reply => reply.detail.index)").unwrap(), index + 1);
    assert_eq!(page.eval("ask('previous').then(reply => reply.detail.index)").unwrap(), index);
    assert_eq!(page.eval("ask('goTo', { step: 'nowhere' }).then(reply => reply.ok)").unwrap(), false);
    let go = "ask('goTo', { step: 'http.syn.node-a.encap' }).then(reply => reply.detail.step)";
    assert_eq!(page.eval(go).unwrap(), "http.syn.node-a.encap");
    assert_eq!(page.eval("ask('play').then(reply => reply.detail.playing)").unwrap(), true);
    assert_eq!(page.eval("ask('pause').then(reply => reply.detail.playing)").unwrap(), false);
    assert_eq!(page.eval("ask('explode').then(reply => reply.ok)").unwrap(), false);
    let set = "ask('setState', { state: 'v=1&cni=calico/ipip&step=http.syn.node-a.route' }).then(reply => reply.detail.state)";
    assert_eq!(page.eval(set).unwrap(), "v=1&cni=calico/ipip&step=http.syn.node-a.route");
    page.wait_until("heard.filter(data => data.type === 'stepchange').length >= 3").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn messages_that_are_none_of_ours_are_passed_over() {
    let (_host, mut page) = open("sandbox=allow-scripts", "?embed=1");
    page.eval(
        "for (const data of [null, 1, 'next', {}, { v: 2, id: 1, type: 'next' }, { v: 1, id: 1 }, { v: 1, id: 1, type: {} }])
            document.querySelector('iframe').contentWindow.postMessage(data, '*')",
    )
    .unwrap();
    // A frame beside it is not its host.
    page.eval_in_frame("postMessage({ v: 1, id: 2, type: 'next' }, '*')").unwrap();
    assert_eq!(page.eval("ask('getState').then(reply => reply.detail.index)").unwrap(), 0);
    assert_eq!(page.eval("heard.filter(data => data.type === 'reply').length").unwrap(), 1);
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_cluster_that_somebody_brought_along_is_not_told() {
    let (_host, mut page) = open("sandbox=allow-scripts", "?embed=1");
    let lab = std::fs::read_to_string(xtask::root().join("examples/two-nodes.yaml")).unwrap();
    let choose = format!(
        "(() => {{ const input = document.querySelector('.settings input[type=file]'), files = new DataTransfer();
            files.items.add(new File([{}], 'lab.yaml'));
            input.files = files.files; input.dispatchEvent(new Event('change', {{ bubbles: true }})) }})()",
        serde_json::json!(lab)
    );
    page.eval_in_frame("document.querySelector('.top .more').click()").unwrap();
    page.wait_in_frame("document.querySelector('.settings input[type=file]')").unwrap();
    page.eval_in_frame(&choose).unwrap();
    page.wait_in_frame("!document.querySelector('.settings')").unwrap();
    page.eval_in_frame("document.querySelector('.top .more').click()").unwrap();
    page.wait_in_frame(
        "[...document.querySelectorAll('.settings button')].some(it => it.title === 'Forget your cluster')",
    )
    .unwrap();
    assert_eq!(page.eval("ask('next').then(reply => reply.ok)").unwrap(), true);
    assert_eq!(page.eval("heard.every(data => !/(^|&)z=/.test(data.detail?.state ?? ''))").unwrap(), true);
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_sandboxed_frame_opens_at_a_step_shares_it_and_opens_it_again() {
    let (_host, mut page) =
        open("sandbox=allow-scripts", "?embed=1#v=1&cni=flannel/host-gw&step=http.syn.node-a.route");
    assert_eq!(page.eval("ask('next').then(reply => reply.ok)").unwrap(), true);
    // Neither a window nor a download is tried, and what is refused is selected.
    page.eval_in_frame("document.querySelector('.full-link').click()").unwrap();
    page.wait_in_frame("document.querySelector('.take textarea')").unwrap();
    page.eval_in_frame("[...document.querySelectorAll('.take .btn')].find(it => it.textContent === 'Copy').click()")
        .unwrap();
    page.wait_in_frame("document.querySelector('.take .copied').textContent").unwrap();
    let selected =
        "(area => area.value.slice(area.selectionStart, area.selectionEnd))(document.querySelector('.take textarea'))";
    let link = page.eval_in_frame(selected).unwrap().as_str().unwrap().to_owned();
    assert!(link.contains("/kubehop/index.html#v=1&cni=flannel/host-gw&step="), "{link}");
    page.eval_in_frame(
        "[...document.querySelectorAll('.take [aria-pressed]')].find(it => it.textContent === 'Capture').click()",
    )
    .unwrap();
    page.wait_in_frame("document.querySelector('.take textarea').value.startsWith('Cg0NC')").unwrap();
    assert_eq!(page.eval_in_frame("document.querySelectorAll('.take a').length").unwrap(), 0);
    let step = page.eval("ask('getState').then(reply => reply.detail.step)").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());

    let hash = link.split_once('#').unwrap().1;
    let (_host, mut page) = open("sandbox=allow-scripts", &format!("?embed=1#{hash}"));
    assert_eq!(page.eval("ask('getState').then(reply => reply.detail.step)").unwrap(), step);
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_frame_without_a_sandbox_has_a_link_that_carries_the_state() {
    let (_host, mut page) = open("", "?embed=1&controls=min#v=1&step=http.syn.node-a.encap");
    let link = page.eval("document.querySelector('iframe').contentDocument.querySelector('.full-link').href").unwrap();
    assert!(link.as_str().unwrap().ends_with("/kubehop/index.html#v=1&step=http.syn.node-a.encap"), "{link}");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
