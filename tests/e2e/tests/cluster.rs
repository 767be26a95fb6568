//! What of the cluster can be chosen: kube-proxy's mode, and what happens to the cluster while the client talks.

use kubehop_e2e::{Page, serve_dist};

const SERVICE: &str = "#to=http://10.96.45.67:80";

fn open(page: &mut Page, url: &str) {
    page.navigate(url).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
}

/// Chooses an option of a menu as a person's choice is told to the page.
fn choose(page: &mut Page, menu: &str, value: &str) {
    page.eval(&format!(
        "(() => {{ const menu = document.querySelector('[aria-label=\"{menu}\"]'); menu.value = {value:?};
            menu.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
    ))
    .unwrap();
}

/// Opens what happens meanwhile, which is among the settings.
fn open_meanwhile(page: &mut Page) {
    page.click(".top .more").unwrap();
    page.wait_until("document.querySelector('.settings')").unwrap();
    page.eval(
        "[...document.querySelectorAll('.settings .btn')].find(it => it.textContent.startsWith('While')).click()",
    )
    .unwrap();
}

fn hash(page: &mut Page) -> String {
    page.eval("location.hash").unwrap().as_str().unwrap().to_owned()
}

#[test]
fn the_mode_of_kube_proxy_is_chosen_and_kept_in_the_link() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, &format!("{}{SERVICE}", server.url()));
    let option = "document.querySelector('select[aria-label=kube-proxy] option[value=none]')";
    assert_eq!(page.eval(&format!("{option}.disabled")).unwrap(), true);
    assert_eq!(page.eval(&format!("{option}.text.includes('Cilium')")).unwrap(), true);
    choose(&mut page, "kube-proxy", "nftables");
    page.wait_until("location.hash.includes('proxy=nftables')").unwrap();
    let url = page.eval("location.href.replace('#', '?again#')").unwrap().as_str().unwrap().to_owned();
    open(&mut page, &url);
    assert_eq!(page.eval("document.querySelector('select[aria-label=kube-proxy]').value").unwrap(), "nftables");
    choose(&mut page, "CNI plugin", "cilium");
    page.wait_until(&format!("!{option}.disabled")).unwrap();
    choose(&mut page, "kube-proxy", "none");
    page.wait_until("location.hash.includes('proxy=none') && !document.querySelector('.canvas .agent')").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_pod_is_deleted_meanwhile_and_spared_again() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, &format!("{}{SERVICE}&seed=2", server.url()));
    let n_steps = page.eval("document.querySelector('input[type=range]').max").unwrap();
    open_meanwhile(&mut page);
    page.wait_until("document.querySelector('.meanwhile select[aria-label=Which]')").unwrap();
    choose(&mut page, "Which", "pod/default/web-1");
    page.wait_until("document.querySelector('[aria-label=Which]').value === 'pod/default/web-1'").unwrap();
    page.click(".meanwhile .add").unwrap();
    page.wait_until("document.querySelectorAll('[aria-label=Actions] li').length === 1").unwrap();
    page.wait_until("location.hash.includes('do=-5%20delete%20pod/default/web-1')").unwrap();
    page.press("Escape").unwrap();
    page.wait_until("!document.querySelector('.meanwhile')").unwrap();
    // The walk begins with the command, and kube-proxy of the other node wakes up in it.
    page.wait_until("document.querySelector('h3').textContent.includes('kubectl delete')").unwrap();
    let link = hash(&mut page);
    open(&mut page, &format!("{}?again{link}&step=api.delete-web-1.node-b.kube-proxy", server.url()));
    page.wait_until("document.querySelector('.canvas .agent[data-state=now]')").unwrap();
    assert_eq!(page.eval("document.querySelector('.wake dd').textContent").unwrap(), "kube-proxy on node-b");
    assert_eq!(page.eval("document.querySelector('.canvas .tag') === null").unwrap(), true);
    open_meanwhile(&mut page);
    page.wait_until("document.querySelector('.chips button')").unwrap();
    page.click(".chips button").unwrap();
    page.wait_until("!location.hash.includes('do=')").unwrap();
    assert_eq!(page.eval("document.querySelector('input[type=range]').max").unwrap(), n_steps);
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_deployment_is_scaled_and_replaces_a_pod() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, &format!("{}{SERVICE}", server.url()));
    open_meanwhile(&mut page);
    page.wait_until("document.querySelector('.meanwhile [aria-label=What]')").unwrap();
    choose(&mut page, "What", "1");
    page.wait_until("document.querySelector('.meanwhile [aria-label=Replicas]')").unwrap();
    page.click(".meanwhile .add").unwrap();
    page.wait_until("location.hash.includes('do=-5%20scale%3D3%20deployment/default/web')").unwrap();
    page.press("Escape").unwrap();
    page.wait_until("document.querySelector('h3').textContent.includes('kubectl scale')").unwrap();
    // The pod that takes the deleted one's place was not there before, and is drawn.
    let deleted = "&do=-900%20delete%20pod/default/web-1&step=api.delete-web-1.node-b.kubelet.2";
    open(&mut page, &format!("{}?deleted{SERVICE}{deleted}", server.url()));
    let pods = "[...document.querySelectorAll('.canvas .pod .nm')].map(name => name.textContent)";
    page.wait_until(&format!("{pods}.some(name => name.startsWith('web-') && !/^web-[01]$/.test(name))")).unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn the_dice_of_a_service_are_shown_where_it_is_translated() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, &format!("{}{SERVICE}&step=http.syn.node-a.nat-prerouting", server.url()));
    let faces = "[...document.querySelectorAll('[aria-label=Destinations] li')]";
    assert_eq!(page.eval(&format!("{faces}.length")).unwrap(), 2);
    assert_eq!(page.eval(&format!("{faces}.every(face => face.textContent.includes('50 %'))")).unwrap(), true);
    assert_eq!(page.eval("document.querySelectorAll('[aria-label=Destinations] .chosen').length").unwrap(), 1);
}

/// Sheets keep inside the window, and scroll inside themselves where they must.
const SHEET_FAULTS: &str = "(() => {
    const sheet = document.querySelector('.sheet'), box = sheet.getBoundingClientRect(), faults = [];
    if (box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight) faults.push(JSON.stringify(box));
    if (sheet.scrollWidth > sheet.clientWidth) faults.push(`it is ${sheet.scrollWidth} wide inside`);
    return faults.join();
})()";

#[test]
fn sheets_fit_every_size_and_the_chart_is_drawn() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for (width, height) in [(1280, 720), (1100, 720), (700, 450), (360, 740), (320, 568)] {
        page.resize(width, height).unwrap();
        open(&mut page, &format!("{}?{width}#do=5%20cordon%20node/node-b", server.url()));
        for name in ["While it runs", "Rules against services: a chart"] {
            page.eval("document.querySelector('.top .more').click()").unwrap();
            page.wait_until("document.querySelector('.settings')").unwrap();
            assert_eq!(page.eval(SHEET_FAULTS).unwrap(), "", "{width}: settings");
            let buttons = "[...document.querySelectorAll('.settings .btn')]";
            page.eval(&format!("{buttons}.find(button => button.textContent.startsWith({name:?})).click()")).unwrap();
            page.wait_until("document.querySelector('.sheet:is(.meanwhile, .chart)')").unwrap();
            // The tables of ten thousand services take seconds: once is enough.
            if name.ends_with("chart") && width == 1280 {
                page.wait_until("document.querySelector('svg.plot .c2')?.getAttribute('d')").unwrap();
            }
            assert_eq!(page.eval(SHEET_FAULTS).unwrap(), "", "{width}: {name}");
            page.eval("document.querySelector('.sheet [aria-label=Close]').click()").unwrap();
            page.wait_until("!document.querySelector('.sheet')").unwrap();
        }
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
