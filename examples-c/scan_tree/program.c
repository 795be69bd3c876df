#include "scan_tree.h"

int main(int argc, char **argv) {
  return scan_tree(argc, argv);
}
