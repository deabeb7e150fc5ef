// SPDX-License-Identifier: Apache-2.0
// Fuzzes what a language model's server may answer. The first byte chooses: what the model wrote, a
// response of llama.cpp, one of OpenAI's form, or a name for the question.
#include "analysis/llm_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_finding(int rc, const struct nj_finding *finding)
{
    if (rc != 0 && finding->risk_score != -7)
        abort(); // untouched on failure
    if (rc == 0 && (finding->risk_score < 0 || finding->risk_score > 100 ||
                    finding->summary[0] == '\0' || finding->reasoning[0] == '\0' ||
                    !nj_utf8_valid(finding->summary, strlen(finding->summary)) ||
                    !nj_utf8_valid(finding->reasoning, strlen(finding->reasoning))))
        abort();
}

static void check_name(const char *text)
{
    char out[NJ_LLM_NAME_BYTES + 1];
    nj_llm_sanitise(text, out, sizeof out);
    if (strlen(out) >= sizeof out || strpbrk(out, "<>{}[]|\"\\`#:\n\r\t") != NULL ||
        !nj_utf8_valid(out, strlen(out)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nj_finding finding;
    finding = (struct nj_finding){.risk_score = -7};
    if (size == 0)
        return 0;
    char *text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    struct nj_buf body = {.data = text, .length = size - 1};
    if (data[0] == '0')
        check_finding(nj_llm_read_answer(text, size - 1, &finding, NULL), &finding);
    else if (data[0] == '1')
        check_finding(nj_llm_read_response(NJ_LLM_COMPLETION, &body, &finding, NULL), &finding);
    else if (data[0] == '2')
        check_finding(nj_llm_read_response(NJ_LLM_CHAT, &body, &finding, NULL), &finding);
    else
        check_name(text);
    free(text);
    return 0;
}
