// SPDX-License-Identifier: Apache-2.0
// Tables whose form is known, so that they look as other programs expect them.
#include "storage/foreign_priv.h"
#include "util/mem.h"

#include <string.h>

static const struct nj_foreign_form_column car_columns[] = {
    {"display_id", NULL, NULL},
    {"captured_timestamp", NULL, NULL},
    {"session_id", NULL, NULL},
    {"license_character", NULL, NULL},
    {"license_type", NULL, "No model available"},
    {"car_brand", NULL, NULL},
    {"car_model", NULL, NULL},
    {"car_body_type", NULL, NULL},
    {"updated_at", "timestamp DEFAULT now()", NULL},
};

static const struct nj_foreign_form forms[] = {
    {"gas_station_1", "car_frontal_info", "session_id", car_columns, NJ_COUNT_OF(car_columns)},
};

const struct nj_foreign_form *nj_foreign_form_of(const struct nj_foreign_table_name *name,
                                                 const char *key)
{
    for (size_t i = 0; i < NJ_COUNT_OF(forms); i++) {
        if (strcmp(forms[i].schema, name->schema) == 0 &&
            strcmp(forms[i].table, name->table) == 0 && strcmp(forms[i].key, key) == 0)
            return &forms[i];
    }
    return NULL;
}

const struct nj_foreign_form_column *nj_foreign_form_find(const struct nj_foreign_form *form,
                                                          const char *column)
{
    for (size_t i = 0; form != NULL && i < form->count; i++) {
        if (strcmp(form->columns[i].name, column) == 0)
            return &form->columns[i];
    }
    return NULL;
}
