// SPDX-License-Identifier: Apache-2.0
// The one form of error answers.
#include "net/problem.h"

#include "util/buf.h"
#include "util/json_writer.h"
#include "util/mem.h"

enum { NJ_PROBLEM_MAX_BYTES = 8192 }; // a detail beyond this is a bug of the caller

struct status_row {
    int status;
    const char *text, *code;
};

static const struct status_row status_rows[] = {
    {100, "Continue", NULL},
    {101, "Switching Protocols", NULL},
    {200, "OK", NULL},
    {201, "Created", NULL},
    {202, "Accepted", NULL},
    {204, "No Content", NULL},
    {206, "Partial Content", NULL},
    {301, "Moved Permanently", NULL},
    {302, "Found", NULL},
    {303, "See Other", NULL},
    {304, "Not Modified", NULL},
    {307, "Temporary Redirect", NULL},
    {308, "Permanent Redirect", NULL},
    {400, "Bad Request", "BAD_REQUEST"},
    {401, "Unauthorized", "AUTHENTICATION_REQUIRED"},
    {403, "Forbidden", "ACCESS_DENIED"},
    {404, "Not Found", "NOT_FOUND"},
    {405, "Method Not Allowed", "METHOD_NOT_ALLOWED"},
    {406, "Not Acceptable", "NOT_ACCEPTABLE"},
    {408, "Request Timeout", "REQUEST_TIMEOUT"},
    {409, "Conflict", "CONFLICT"},
    {410, "Gone", "GONE"},
    {411, "Length Required", "LENGTH_REQUIRED"},
    {412, "Precondition Failed", "PRECONDITION_FAILED"},
    {413, "Content Too Large", "CONTENT_TOO_LARGE"},
    {414, "URI Too Long", "URI_TOO_LONG"},
    {415, "Unsupported Media Type", "UNSUPPORTED_MEDIA_TYPE"},
    {416, "Range Not Satisfiable", "RANGE_NOT_SATISFIABLE"},
    {417, "Expectation Failed", "EXPECTATION_FAILED"},
    {421, "Misdirected Request", "MISDIRECTED_REQUEST"},
    {422, "Unprocessable Content", "VALIDATION_ERROR"},
    {426, "Upgrade Required", "UPGRADE_REQUIRED"},
    {428, "Precondition Required", "PRECONDITION_REQUIRED"},
    {429, "Too Many Requests", "RATE_LIMIT_EXCEEDED"},
    {431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE"},
    {500, "Internal Server Error", "INTERNAL_ERROR"},
    {501, "Not Implemented", "NOT_IMPLEMENTED"},
    {502, "Bad Gateway", "BAD_GATEWAY"},
    {503, "Service Unavailable", "SERVICE_UNAVAILABLE"},
    {504, "Gateway Timeout", "GATEWAY_TIMEOUT"},
    {505, "HTTP Version Not Supported", "VERSION_NOT_SUPPORTED"},
    {507, "Insufficient Storage", "INSUFFICIENT_STORAGE"},
};

static const struct status_row *find_row(int status)
{
    for (size_t i = 0; i < NJ_COUNT_OF(status_rows); i++) {
        if (status_rows[i].status == status)
            return &status_rows[i];
    }
    return NULL;
}

const char *nj_http_status_text(int status)
{
    const struct status_row *row = find_row(status);
    return row ? row->text : "Unknown";
}

void nj_problem_reply_full(struct nj_http_request *request, const struct nj_problem *problem)
{
    const struct status_row *row = find_row(problem->status);
    const char *code = problem->code ? problem->code : (row ? row->code : NULL);
    struct nj_buf body;
    struct nj_json_writer writer;
    nj_buf_init(&body, NJ_PROBLEM_MAX_BYTES);
    nj_json_init(&writer, &body);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "about:blank");
    nj_json_text(&writer, "title",
                 problem->title ? problem->title : nj_http_status_text(problem->status));
    nj_json_int(&writer, "status", problem->status);
    if (problem->detail)
        nj_json_text(&writer, "detail", problem->detail);
    if (code)
        nj_json_text(&writer, "code", code);
    nj_json_object_end(&writer);
    size_t length = 0;
    char *bytes = nj_buf_take(&body, &length); // NULL without memory: the status alone is sent
    nj_http_reply(request, &(struct nj_http_reply){
                               .status = problem->status,
                               .content_type = bytes ? "application/problem+json" : NULL,
                               .body = bytes,
                               .body_length = length,
                               .take_body = true,
                               .headers = problem->headers,
                               .header_count = problem->header_count,
                           });
    nj_buf_finish(&body);
}

void nj_problem_reply(struct nj_http_request *request, int status, const char *code,
                      const char *title, const char *detail)
{
    nj_problem_reply_full(
        request,
        &(struct nj_problem){.status = status, .code = code, .title = title, .detail = detail});
}
