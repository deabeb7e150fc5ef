// SPDX-License-Identifier: Apache-2.0
// The parts of the LLM analyser: what is asked, and what counts as an answer.
#ifndef NJ_ANALYSIS_LLM_PRIV_H
#define NJ_ANALYSIS_LLM_PRIV_H

#include "analysis/analyser_driver.h"
#include "analysis/analysis.h"
#include "util/buf.h"

enum nj_llm_protocol { NJ_LLM_COMPLETION, NJ_LLM_CHAT };

enum {
    NJ_LLM_NAME_BYTES = 64,   // of a name from outside, in the question
    NJ_LLM_FIXED_TOKENS = 900 // what a question holds besides its lines of detections, at most
};

// Makes a text from outside harmless as a quoted name: one line, printable, shorter than `size` (>
// 4), without any character that a chat template, a markup or JSON gives a meaning.
void nj_llm_sanitise(const char *text, char *out, size_t size);

// Appends the instructions, and what was seen. `budget_tokens` is what both together may cost;
// detections that do not fit are left out, the unsure ones first, and the question says how many.
// NJ_E_NOMEM, NJ_E_TOO_BIG.
int nj_llm_write_instructions(struct nj_buf *out);
int nj_llm_write_question(const struct nj_analysis_context *context, int64_t budget_tokens,
                          struct nj_buf *out, struct nj_error *err);

// Appends the body of the request.
int nj_llm_write_request(const struct nj_analysis_options *options, const char *question,
                         struct nj_buf *out, struct nj_error *err);

// Reads the server's answer (the whole body of a response with status 200) into score, summary and
// reasoning of *out; the other members stay. NJ_E_CORRUPT says what is wrong with it.
int nj_llm_read_response(enum nj_llm_protocol protocol, const struct nj_buf *body,
                         struct nj_finding *out, struct nj_error *err);
// The same for what the model wrote. `length` bytes with a NUL behind; they are changed.
int nj_llm_read_answer(char *text, size_t length, struct nj_finding *out, struct nj_error *err);

#endif
