// SPDX-License-Identifier: Apache-2.0
// Strict check and split of the raw head of an HTTP/1.x request.
#include "net/http_head_priv.h"

#include "net/http_target_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <string.h>
#include <strings.h>

static const char *const known_methods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                            "PATCH", "DELETE", "OPTIONS"};

static int refuse(struct nj_http_head *head, int status, const char *problem)
{
    head->problem = problem;
    return status;
}

static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c > ' ' && c < 0x7f && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++) {
        if (!is_token_char((unsigned char)*text))
            return false;
    }
    return true;
}

// Looks at the control character at `i`: 1 when it ends the head, 0 when it may stand there, -1
// when not.
static int judge_control(struct nj_http_head_scan *scan, const char *bytes, size_t i)
{
    if (bytes[i] == '\r')
        return bytes[i + 1] == '\n' ? 0 : -1;
    if (bytes[i] != '\n')
        return bytes[i] == '\t' ? 0 : -1;
    if (i == 0 || bytes[i - 1] != '\r')
        return -1;
    scan->lines++;
    return i >= 3 && bytes[i - 2] == '\n';
}

long nj_http_head_find(struct nj_http_head_scan *scan, const char *bytes, size_t length)
{
    size_t i = scan->offset;
    for (; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= ' ' && c != 0x7f)
            continue;
        if (c == '\r' && i + 1 == length)
            break; // to be looked at again together with its LF
        int verdict = judge_control(scan, bytes, i);
        if (verdict)
            return verdict > 0 ? (long)i + 1 : -1;
    }
    scan->offset = i;
    return 0;
}

// Cuts the line at `*at` and steps behind it. The caller knows that the line end is there.
static char *cut_line(char **at)
{
    char *line = *at;
    char *end = line + strcspn(line, "\r");
    *end = '\0';
    *at = end + 2;
    return line;
}

static int parse_version(struct nj_http_head *head, const char *text)
{
    bool formed = strncmp(text, "HTTP/", 5) == 0 && strlen(text) == 8 && text[5] >= '0' &&
                  text[5] <= '9' && text[6] == '.' && text[7] >= '0' && text[7] <= '9';
    if (!formed)
        return refuse(head, 400, "malformed protocol version");
    if (text[5] != '1' || text[7] > '1')
        return refuse(head, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    head->minor = text[7] - '0';
    return 0;
}

static bool is_authority(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-._~:[]")] == '\0';
}

// Cuts scheme and authority off an absolute-form target; *target then stands on the path, which
// moves one byte to the left where the authority ended with a NUL of its own.
static int take_authority(struct nj_http_head *head, char **target)
{
    size_t scheme = strncasecmp(*target, "http://", 7) == 0 ? 7 : 8;
    if (scheme == 8 && strncasecmp(*target, "https://", 8) != 0)
        return refuse(head, 400, "request target is neither a path nor an http URL");
    char *authority = *target + scheme;
    size_t length = strcspn(authority, "/?");
    // The scheme's room takes the authority with its NUL, so that the path keeps its slash.
    char *moved = authority - 1;
    memmove(moved, authority, length);
    bool rooted = authority[length] == '/';
    char *path = authority + length;
    if (!rooted) { // "http://host" and "http://host?query" mean the path "/"
        path--;
        moved--;
        memmove(moved, moved + 1, length);
        path[0] = '/';
    }
    moved[length] = '\0';
    if (!is_authority(moved))
        return refuse(head, 400, "malformed authority in the request target");
    head->host = moved;
    *target = path;
    return 0;
}

static bool has_target_characters(const char *target)
{
    for (; *target; target++) {
        if ((unsigned char)*target <= ' ' || (unsigned char)*target >= 0x7f || *target == '#')
            return false;
    }
    return true;
}

static int parse_target(struct nj_http_head *head, char *target)
{
    if (strlen(target) > NJ_HTTP_TARGET_MAX_BYTES)
        return refuse(head, 414, "request target is too long");
    if (!has_target_characters(target))
        return refuse(head, 400, "request target has a character that must be escaped");
    head->query = "";
    if (strcmp(target, "*") == 0 && strcmp(head->method, "OPTIONS") == 0) {
        head->path = target;
        return 0;
    }
    int status = target[0] == '/' ? 0 : take_authority(head, &target);
    if (status)
        return status;
    char *query = strchr(target, '?');
    if (query) {
        *query = '\0';
        head->query = query + 1;
    }
    if (!nj_http_path_normalise(target))
        return refuse(head, 400, "request path has a bad escape, an encoded slash or \"..\"");
    if (!nj_http_query_valid(head->query))
        return refuse(head, 400, "request query has a bad escape");
    head->path = target;
    return 0;
}

static int parse_request_line(struct nj_http_head *head, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return refuse(head, 400, "request line is not \"method target version\"");
    *target++ = '\0';
    *version++ = '\0';
    if (!is_token(line))
        return refuse(head, 400, "malformed method");
    if (!*target)
        return refuse(head, 400, "request target is empty");
    int status = parse_version(head, version);
    if (status)
        return status;
    for (size_t i = 0; i < NJ_COUNT_OF(known_methods) && !head->method; i++) {
        if (strcmp(line, known_methods[i]) == 0)
            head->method = known_methods[i];
    }
    if (!head->method)
        return refuse(head, 501, "method is not known here");
    return parse_target(head, target);
}

static int parse_field(struct nj_http_head *head, char *line)
{
    if (head->field_count == NJ_HTTP_HEADERS_MAX || head->field_count == head->field_capacity)
        return refuse(head, 431, "too many header lines");
    if (*line == ' ' || *line == '\t')
        return refuse(head, 400, "header lines must not be folded");
    char *colon = strchr(line, ':');
    if (!colon)
        return refuse(head, 400, "header line without a colon");
    *colon = '\0';
    if (!is_token(line))
        return refuse(head, 400, "malformed header name");
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    value[length] = '\0';
    head->fields[head->field_count++] = (struct nj_http_field){line, value};
    return 0;
}

static int take_content_length(struct nj_http_head *head, const char *value)
{
    if (head->content_length >= 0)
        return refuse(head, 400, "several Content-Length headers");
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] != '\0')
        return refuse(head, 400, "malformed Content-Length");
    if (digits > 18)
        return refuse(head, 413, "Content-Length is beyond every limit");
    int64_t length = 0;
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (value[i] - '0');
    head->content_length = length;
    return 0;
}

static int take_transfer_encoding(struct nj_http_head *head, const char *value)
{
    if (head->chunked)
        return refuse(head, 400, "chunked must be the last transfer coding, and once");
    if (head->minor == 0)
        return refuse(head, 400, "Transfer-Encoding is not part of HTTP/1.0");
    if (nj_text_equal_nocase(value, "chunked")) {
        head->chunked = true;
        return 0;
    }
    const char *last = strrchr(value, ',');
    last = last ? last + 1 + strspn(last + 1, " \t") : value;
    if (strncasecmp(value, "chunked", 7) == 0 || !nj_text_equal_nocase(last, "chunked"))
        return refuse(head, 400, "chunked must be the last transfer coding, and once");
    return refuse(head, 501, "only the transfer coding chunked is understood");
}

static int take_host(struct nj_http_head *head, const char *value, size_t *hosts)
{
    if (++*hosts > 1)
        return refuse(head, 400, "several Host headers");
    if (!is_authority(value))
        return refuse(head, 400, "malformed Host header");
    if (!head->host) // an absolute-form target wins, RFC 9112 section 3.2.2
        head->host = value;
    return 0;
}

static int check_fields(struct nj_http_head *head)
{
    size_t hosts = 0;
    bool coded = false;
    for (size_t i = 0; i < head->field_count; i++) {
        const char *name = head->fields[i].name, *value = head->fields[i].value;
        int status = 0;
        if (nj_text_equal_nocase(name, "Host")) {
            status = take_host(head, value, &hosts);
        } else if (nj_text_equal_nocase(name, "Content-Length")) {
            status = take_content_length(head, value);
        } else if (nj_text_equal_nocase(name, "Transfer-Encoding")) {
            coded = true;
            status = take_transfer_encoding(head, value);
        }
        if (status)
            return status;
    }
    if (hosts == 0 && head->minor == 1)
        return refuse(head, 400, "Host header is missing");
    if (coded && head->content_length >= 0)
        return refuse(head, 400, "Content-Length together with Transfer-Encoding");
    return 0;
}

int nj_http_head_parse(char *bytes, size_t length, struct nj_http_head *head)
{
    struct nj_http_field *fields = head->fields;
    size_t capacity = head->field_capacity;
    *head =
        (struct nj_http_head){.fields = fields, .field_capacity = capacity, .content_length = -1};
    char *at = bytes;
    char *end = bytes + length - 2; // the empty line
    *end = '\0';
    int status = parse_request_line(head, cut_line(&at));
    while (!status && at < end)
        status = parse_field(head, cut_line(&at));
    return status ? status : check_fields(head);
}

const char *nj_http_head_get(const struct nj_http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (strcasecmp(head->fields[i].name, name) == 0)
            return head->fields[i].value;
    }
    return NULL;
}

static bool list_has_token(const char *list, const char *token)
{
    size_t length = strlen(token);
    while (*list) {
        list += strspn(list, ", \t");
        size_t item = strcspn(list, ", \t");
        if (item == length && strncasecmp(list, token, length) == 0)
            return true;
        list += item;
    }
    return false;
}

bool nj_http_head_has_token(const struct nj_http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (strcasecmp(head->fields[i].name, name) == 0 &&
            list_has_token(head->fields[i].value, token))
            return true;
    }
    return false;
}
