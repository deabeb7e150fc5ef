// SPDX-License-Identifier: Apache-2.0
// The LLM analyser: llama.cpp's /completion or an OpenAI-style /v1/chat/completions, asked for JSON
// of a schema, with names and texts from outside made harmless and a budget of tokens.
#ifndef NJ_ANALYSIS_LLM_H
#define NJ_ANALYSIS_LLM_H

#include "analysis/analyser_driver.h"

// `options` of create is a const struct nj_analysis_options *, borrowed as long as the analyser.
// analyse blocks; each thread has an analyser of its own. It tries llm_tries times with backoff and
// returns NJ_E_UNAVAILABLE, NJ_E_TIMEOUT, NJ_E_CORRUPT (no usable answer), NJ_E_INVALID (refused
// with a 4xx: not tried again) or NJ_E_CANCELLED. A score is the model's or there is none.
extern const struct nj_analyser_driver nj_analyser_llm;

#endif
