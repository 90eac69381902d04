#include "app/daemon.h"

int main(int argc, char** argv) { return anchorlog::app::run_anchorlogd(argc, argv); }
