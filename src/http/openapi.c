// SPDX-License-Identifier: Apache-2.0
// The description of the API (OpenAPI 3.1), made from the table of routes.
#include "config/config_object.h"
#include "http/http_priv.h"
#include "sources/sources.h"
#include "util/build_info.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void write_parameter(struct nj_json_writer *writer,
                            const struct nj_route_parameter *parameter)
{
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "name", parameter->name);
    nj_json_text(writer, "in", parameter->place != NULL ? parameter->place : "query");
    nj_json_bool(writer, "required", parameter->required);
    nj_json_text(writer, "description", parameter->help);
    nj_json_object_begin(writer, "schema");
    nj_json_text(writer, "type", parameter->type);
    nj_json_object_end(writer);
    nj_json_object_end(writer);
}

static void write_parameters(struct nj_json_writer *writer, const struct nj_route *route)
{
    nj_json_array_begin(writer, "parameters");
    for (const char *at = route->pattern; (at = strchr(at, '{')) != NULL; at++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
        write_parameter(writer, &(struct nj_route_parameter){.name = name,
                                                             .type = "string",
                                                             .help = "Part of the path.",
                                                             .place = "path",
                                                             .required = true});
    }
    for (const struct nj_route_parameter *parameter = route->parameters;
         parameter != NULL && parameter->name != NULL; parameter++)
        write_parameter(writer, parameter);
    nj_json_array_end(writer);
}

static void write_schema(struct nj_json_writer *writer, const char *schema)
{
    char reference[96];
    nj_json_object_begin(writer, "schema");
    if (schema != NULL) {
        snprintf(reference, sizeof reference, "#/components/schemas/%s", schema);
        nj_json_text(writer, "$ref", reference);
    } else {
        nj_json_text(writer, "type", "object");
    }
    nj_json_object_end(writer);
}

static void write_content(struct nj_json_writer *writer, const char *type, const char *schema)
{
    nj_json_object_begin(writer, "content");
    nj_json_object_begin(writer, type);
    if (strcmp(type, "application/json") == 0 || strcmp(type, "application/problem+json") == 0)
        write_schema(writer, schema);
    nj_json_object_end(writer);
    nj_json_object_end(writer);
}

static void write_response(struct nj_json_writer *writer, const struct nj_route *route, int status,
                           const char *description)
{
    char text[8];
    snprintf(text, sizeof text, "%d", status % 1000);
    nj_json_object_begin(writer, text);
    nj_json_text(writer, "description", description);
    if (status != 101 && status != 204)
        write_content(writer, route->type != NULL ? route->type : "application/json",
                      route->schema);
    nj_json_object_end(writer);
}

static void write_responses(struct nj_json_writer *writer, const struct nj_route *route)
{
    nj_json_object_begin(writer, "responses");
    if (route->type != NULL && strcmp(route->type, "websocket") == 0)
        write_response(writer, route, 101, "The WebSocket begins.");
    else
        write_response(writer, route, route->status != 0 ? route->status : 200, "As asked.");
    if (route->unwell)
        write_response(writer, route, 503, "Something of it does not work.");
    nj_json_object_begin(writer, "default");
    nj_json_text(writer, "description", "A problem (RFC 9457).");
    write_content(writer, "application/problem+json", "Problem");
    nj_json_object_end(writer);
    nj_json_object_end(writer);
}

// Adds a text with everything but letters and digits as one '_'.
static size_t add_words(char *id, size_t size, size_t length, const char *text)
{
    for (; *text != '\0' && length + 1 < size; text++) {
        if (isalnum((unsigned char)*text))
            id[length++] = (char)tolower((unsigned char)*text);
        else if (length > 0 && id[length - 1] != '_')
            id[length++] = '_';
    }
    return length;
}

// GET /api/events/{id} -> "get_api_events_id"
static void write_operation_id(struct nj_json_writer *writer, const struct nj_route *route)
{
    char id[160];
    size_t length = add_words(id, sizeof id, 0, route->method);
    length = add_words(id, sizeof id, length, route->pattern);
    while (length > 0 && id[length - 1] == '_')
        length--;
    id[length] = '\0';
    nj_json_text(writer, "operationId", id);
}

static void write_body(struct nj_json_writer *writer, const struct nj_route *route)
{
    if (route->body == NULL)
        return;
    nj_json_object_begin(writer, "requestBody");
    nj_json_bool(writer, "required", true);
    write_content(writer, "application/json", route->body);
    nj_json_object_end(writer);
}

static void write_operation(struct nj_json_writer *writer, const struct nj_route *route)
{
    char method[8];
    size_t i = 0;
    for (; route->method[i] != '\0' && i + 1 < sizeof method; i++)
        method[i] = (char)(route->method[i] | 0x20);
    method[i] = '\0';
    nj_json_object_begin(writer, method);
    write_operation_id(writer, route);
    nj_json_text(writer, "summary", route->summary);
    if (route->open) {
        nj_json_array_begin(writer, "security");
        nj_json_array_end(writer);
    }
    write_parameters(writer, route);
    write_body(writer, route);
    write_responses(writer, route);
    nj_json_object_end(writer);
}

static void write_paths(struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "paths");
    for (size_t i = 0; i < nj_route_count; i++) {
        const char *pattern = nj_routes[i].pattern;
        if (i == 0 || strcmp(nj_routes[i - 1].pattern, pattern) != 0)
            nj_json_object_begin(writer, pattern);
        write_operation(writer, &nj_routes[i]);
        if (i + 1 == nj_route_count || strcmp(nj_routes[i + 1].pattern, pattern) != 0)
            nj_json_object_end(writer);
    }
    nj_json_object_end(writer);
}

// What the reader of a camera's entry takes, and what it gives back.
static void write_source_schemas(struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "SourceEntry");
    nj_config_object_schema(&nj_source_entry_group, NJ_SCHEMA_ANSWER, writer);
    nj_json_object_end(writer);
    nj_json_object_begin(writer, "SourceInput");
    nj_config_object_schema(&nj_source_entry_group, NJ_SCHEMA_REQUEST, writer);
    nj_json_object_end(writer);
}

static void write_security(struct nj_json_writer *writer)
{
    static const char schemes[] =
        "{\"header\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Key\"},"
        "\"query\":{\"type\":\"apiKey\",\"in\":\"query\",\"name\":\"api_key\"},"
        "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}";
    static const char any[] = "[{\"header\":[]},{\"query\":[]},{\"bearer\":[]}]";
    nj_json_object_begin(writer, "components");
    nj_json_object_begin(writer, "schemas");
    for (size_t i = 0; i < nj_openapi_schema_count; i++)
        nj_json_raw(writer, nj_openapi_schemas[i].name, nj_openapi_schemas[i].json,
                    strlen(nj_openapi_schemas[i].json));
    write_source_schemas(writer);
    nj_json_object_end(writer);
    nj_json_raw(writer, "securitySchemes", schemes, sizeof schemes - 1);
    nj_json_object_end(writer);
    nj_json_raw(writer, "security", any, sizeof any - 1);
}

void nj_openapi_write(struct nj_buf *out)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "openapi", "3.1.0");
    nj_json_object_begin(&writer, "info");
    nj_json_text(&writer, "title", "Nightjar");
    nj_json_text(&writer, "version", nj_build_version());
    nj_json_object_end(&writer);
    write_paths(&writer);
    write_security(&writer);
    nj_json_object_end(&writer);
}
