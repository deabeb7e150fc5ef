// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: an accepted head has one Host at most, a normal path and one body length.
#include "net/http_head_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void check_accepted(const struct nj_http_head *head)
{
    check(head->path[0] == '/' || strcmp(head->path, "*") == 0);
    check(!strstr(head->path, "/../"));
    check(!(head->chunked && head->content_length >= 0));
    check(head->minor == 0 || head->host);
    for (size_t i = 0; i < head->field_count; i++) {
        check(head->fields[i].name[0] != '\0');
        check(!strpbrk(head->fields[i].name, " \t:\r\n"));
        check(!strpbrk(head->fields[i].value, "\r\n"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nj_http_head_scan whole = {0}, slow = {0};
    struct nj_http_field fields[NJ_HTTP_HEADERS_MAX];
    const char *bytes = (const char *)data;
    long found = nj_http_head_find(&whole, bytes, size), again = 0;
    for (size_t n = 0; n <= size && again == 0; n++)
        again = nj_http_head_find(&slow, bytes, n);
    check(found == again);
    if (found <= 0)
        return 0;
    char *text = malloc((size_t)found + 1);
    if (!text)
        return 0;
    memcpy(text, bytes, (size_t)found);
    text[found] = '\0';
    struct nj_http_head head = {.fields = fields, .field_capacity = NJ_HTTP_HEADERS_MAX};
    int status = nj_http_head_parse(text, (size_t)found, &head);
    check(status == 0 || (status >= 400 && head.problem));
    if (status == 0)
        check_accepted(&head);
    free(text);
    return 0;
}
