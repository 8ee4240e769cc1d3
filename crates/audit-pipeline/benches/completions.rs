//! What it costs to read a model's answer as it passes: `cargo bench -p audit-pipeline --bench completions`.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use audit_pipeline::sources::openwebui::completions::{RequestReader, UsageReader};
use audit_pipeline::sources::openwebui::socket::{From, Socket};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A chunk as OpenAI sends it: 277 bytes.
const CHUNK: &str = "data: {\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012\",\"object\":\"chat.completion.chunk\",\"created\":1795400174,\
                     \"model\":\"gpt-5.2-2026-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\",\"choices\":\
                     [{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";

/// A delta of a chat of the page.
const FRAME: &str = "42[\"events\",{\"chat_id\":\"63128d86-55ea-44ce-abb4-9c7add646484\",\"message_id\":\"92313b9b-9fb2-47c2-bf37-16743a13ef40\",\
                     \"data\":{\"type\":\"response:completion\",\"data\":{\"type\":\"response.output_text.delta\",\"item_id\":\
                     \"msg_d367e8051bf24388b72c5c65\",\"output_index\":0,\"content_index\":0,\"delta\":\"You\"}}}]";

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("completions");
    group.throughput(Throughput::Bytes(CHUNK.len() as u64));
    let mut reader = UsageReader::default();
    group.bench_function("stream_chunk", |bencher| {
        bencher.iter(|| reader.feed_events(black_box(CHUNK.as_bytes()), |end| _ = black_box(end)));
    });
    let mut socket = Socket::default();
    group.throughput(Throughput::Bytes(FRAME.len() as u64));
    group.bench_function("socket_frame", |bencher| {
        bencher.iter(|| socket.text(From::Server, black_box(FRAME.as_bytes())));
    });

    let numbers = "-0.012345678,".repeat(80_000);
    let embedding = format!(
        "{{\"object\":\"list\",\"data\":[{{\"embedding\":[{numbers}0]}}],\"usage\":{{\"prompt_tokens\":8}}}}"
    );
    group.throughput(Throughput::Bytes(embedding.len() as u64));
    group.bench_function("embedding_1mb", |bencher| {
        bencher.iter(|| UsageReader::of_parts(black_box(embedding.as_bytes()), b""));
    });
    let text = "All work and no play makes \\\"Jack\\\" a dull boy.\\n".repeat(20_000);
    let request = format!("{{\"model\":\"m\",\"messages\":[{{\"content\":\"{text}\"}}],\"stream\":true}}");
    group.throughput(Throughput::Bytes(request.len() as u64));
    group.bench_function("request_1mb", |bencher| {
        bencher.iter(|| {
            let mut reader = RequestReader::default();
            reader.feed(black_box(request.as_bytes()));
            reader.usage_edit()
        });
    });
    group.finish();
}

criterion_group!(benches, answers);
criterion_main!(benches);
