//! The program that index.html starts.

fn main() {
    let root = gloo::utils::document().get_element_by_id("kubehop").expect("index.html has an element #kubehop");
    kubehop_web::mount(root);
}
