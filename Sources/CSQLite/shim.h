// SQLite's own header, and the two macros that Swift cannot import because they are casts.
#ifndef CAUSEWAY_CSQLITE_SHIM_H
#define CAUSEWAY_CSQLITE_SHIM_H
#include <sqlite3.h>

static inline sqlite3_destructor_type causeway_sqlite_static(void) { return SQLITE_STATIC; }
static inline sqlite3_destructor_type causeway_sqlite_transient(void) { return SQLITE_TRANSIENT; }

/// sqlite3_db_config with an on/off verb (variadic in C, so not importable).
static inline int causeway_sqlite_db_config(sqlite3 *db, int verb, int value) {
    int now = 0;
    return sqlite3_db_config(db, verb, value, &now);
}
#endif
