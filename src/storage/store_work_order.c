// SPDX-License-Identifier: Apache-2.0
// Table work_items: what came before an item, among those whose order must be kept.
#include "storage/sql_priv.h"
#include "storage/store_work.h"
#include "util/json_reader.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.: ";

static bool is_of_order(const struct nj_work_order *order, const char *payload)
{
    json_t *root = NULL;
    const char *value = NULL;
    // Most payloads are another one's, which shows without taking them apart, where JSON has one
    // way to write the value.
    if (order->value[strspn(order->value, plain)] == '\0' && strstr(payload, order->value) == NULL)
        return false;
    if (nj_json_parse(payload, strlen(payload), NJ_WORK_PAYLOAD_MAX, &root, NULL) == 0)
        value = json_string_value(json_object_get(root, order->member));
    const bool same = value != NULL && strcmp(value, order->value) == 0;
    json_decref(root);
    return same;
}

int nj_work_earlier_due(struct nj_db *db, const struct nj_work_order *order, nj_us *out,
                        struct nj_error *err)
{
    struct nj_sql sql;
    bool same = false;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT due_us, payload FROM work_items WHERE queue = ?1 AND id < ?2"
                          " ORDER BY id",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, order->queue);
    nj_sql_put_int(&sql, order->id);
    while (!same && (rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        char *payload = NULL;
        const nj_us due_us = nj_sql_get_int(&sql);
        rc = nj_sql_get_copy(&sql, &payload);
        if (rc != 0)
            break;
        same = is_of_order(order, payload);
        if (same)
            *out = due_us;
        free(payload);
    }
    nj_sql_end(&sql);
    if (rc < 0)
        return rc;
    return same ? 0 : nj_error_set(err, NJ_E_NOT_FOUND, "nothing earlier of this order waits");
}
