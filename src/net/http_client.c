// SPDX-License-Identifier: Apache-2.0
// Outgoing HTTP: one handle per client, answers into memory, no redirects.
#include "net/http_client.h"

#include "net/curl_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

struct nj_http_client {
    struct nj_curl curl;
};

int nj_http_client_create(struct nj_http_client **out, struct nj_error *err)
{
    struct nj_http_client *client = calloc(1, sizeof(*client));
    if (!client)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an HTTP client");
    int rc = nj_curl_init(&client->curl, NULL, err);
    if (rc == 0)
        *out = client;
    else
        free(client);
    return rc;
}

void nj_http_client_destroy(struct nj_http_client *client)
{
    if (!client)
        return;
    nj_curl_finish(&client->curl);
    free(client);
}

static int take(void *context, const void *bytes, size_t length, struct nj_error *err)
{
    struct nj_buf *body = context;
    nj_buf_append(body, bytes, length);
    int code = nj_buf_failed(body);
    if (code == NJ_E_TOO_BIG)
        return nj_error_set(err, code, "the answer is larger than %zu bytes", body->limit);
    return code == 0 ? 0 : nj_error_set(err, code, "no memory for the answer");
}

static int set_multipart(CURL *curl, const struct nj_http_part *part, curl_mime **out)
{
    curl_mime *mime = curl_mime_init(curl);
    curl_mimepart *field = mime ? curl_mime_addpart(mime) : NULL;
    *out = mime;
    if (!field || curl_mime_name(field, part->name) != CURLE_OK ||
        curl_mime_data(field, part->bytes, part->length) != CURLE_OK)
        return NJ_E_NOMEM;
    if (part->file_name && curl_mime_filename(field, part->file_name) != CURLE_OK)
        return NJ_E_NOMEM;
    if (part->content_type && curl_mime_type(field, part->content_type) != CURLE_OK)
        return NJ_E_NOMEM;
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
    return 0;
}

static void set_access(CURL *curl, const struct nj_http_call *call)
{
    if (call->username) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
        curl_easy_setopt(curl, CURLOPT_USERNAME, call->username);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, call->password ? call->password : "");
    }
    if (call->any_certificate) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void read_header(CURL *curl, const char *name, char out[NJ_HTTP_TAG_SIZE])
{
    struct curl_header *header = NULL;
    out[0] = '\0';
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
        !nj_text_copy(out, NJ_HTTP_TAG_SIZE, header->value))
        out[0] = '\0'; // half a tag is none
}

static void read_head(CURL *curl, struct nj_http_answer_head *head)
{
    const char *location = NULL;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    if (!nj_text_copy(head->location, sizeof head->location, location ? location : ""))
        head->location[0] = '\0';
    read_header(curl, "ETag", head->etag);
    read_header(curl, "Last-Modified", head->last_modified);
}

static bool is_post(const struct nj_http_call *call)
{
    return call->part || (call->method && strcmp(call->method, "POST") == 0);
}

static void set_body(CURL *curl, const struct nj_http_call *call)
{
    const char *method = call->method ? call->method : "GET";
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (call->body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static int perform(struct nj_curl *curl, const struct nj_http_call *call, struct nj_buf *body,
                   struct nj_error *err)
{
    curl_mime *mime = NULL;
    const struct nj_curl_request request = {
        .url = call->url,
        .headers = call->headers,
        .rules = call->rules,
        .connect_us = call->connect_timeout_us,
        .total_us = call->total_timeout_us,
        .deadline_us = nj_mono_us(nj_clock_real()) + call->total_timeout_us,
        .cancel = call->cancel,
        .take = take,
        .context = body,
        .once = is_post(call) && !call->username,
    };
    int rc = nj_curl_begin(curl, &request, err);
    if (rc == 0) {
        set_access(curl->handle, call);
        if (!call->part)
            set_body(curl->handle, call);
        else if (set_multipart(curl->handle, call->part, &mime) != 0)
            rc = nj_error_set(err, NJ_E_NOMEM, "no memory for a form");
    }
    if (rc == 0)
        rc = nj_curl_perform(curl, err);
    if (rc == 0 && call->head)
        read_head(curl->handle, call->head);
    curl_mime_free(mime);
    return rc;
}

int nj_http_client_call(struct nj_http_client *client, const struct nj_http_call *call,
                        int *out_status, struct nj_buf *out_body, struct nj_error *err)
{
    struct nj_buf body;
    long status = 0;
    nj_buf_init(&body, call->max_response_bytes);
    int rc = perform(&client->curl, call, &body, err);
    if (rc == 0) {
        curl_easy_getinfo(client->curl.handle, CURLINFO_RESPONSE_CODE, &status);
        nj_buf_append(out_body, body.data, body.length);
        rc = nj_buf_failed(out_body);
        if (rc != 0)
            nj_error_set(err, rc, "no room for the answer");
    }
    if (rc == 0)
        *out_status = (int)status;
    nj_curl_end(&client->curl);
    nj_buf_finish(&body);
    return rc == 0 ? 0 : nj_curl_blame(call->url, rc, err);
}
