//! The document and the server: each knows what the other does. That an answer is as described is checked of every answer of every
//! test (app/document.rs); here every operation is made to answer everything that is described.

use crate::app::App;

#[tokio::test]
async fn the_document_is_served_to_everybody_and_kept_by_its_tag() {
    let app = App::start();
    let answer = app.get("/openapi.json").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, enlist::http::document()));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let tag = answer.header("etag").expect("a tag");
    let again = app.client().get(format!("{}/openapi.json", app.url)).header("If-None-Match", tag);
    let again = app.send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}
