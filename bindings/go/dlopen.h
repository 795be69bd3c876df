#ifndef TROMMEL_GO_DLOPEN_H
#define TROMMEL_GO_DLOPEN_H
/* NULL: loaded. Otherwise what the dynamic linker says. */
const char *trm_go_load(const char *path);
void trm_go_unload(void);
#endif
