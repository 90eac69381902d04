#include "app/ctl.h"

int main(int argc, char** argv) { return anchorlog::app::run_anchorlogctl(argc, argv); }
