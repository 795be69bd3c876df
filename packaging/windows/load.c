/* Loads trommel.dll at run time, uses it, frees it, and does so again. */
#include <stdint.h>
#include <stdio.h>
#include <windows.h>

int main(void) {
  for (int round = 0; round < 3; round++) {
    HMODULE library = LoadLibraryA("trommel.dll");
    if (library == NULL) return 1;
    FARPROC found = GetProcAddress(library, "trm_version_string");
    if (found == NULL) return 1;
    const char *(*version)(void) = (const char *(*)(void))(void *)found;
    printf("loaded %s\n", version());
    FreeLibrary(library);
  }
  return 0;
}
