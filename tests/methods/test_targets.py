from engine.library.methods.heads import answering


def test_a_head_answers_the_task_with_its_classes_in_its_order():
    heads = {"low": (0, 1), "high": (5, 6)}
    assert answering(heads, "anything", (5, 6)) == "high"
    assert answering(heads, "low", (5, 6)) == "high"
    assert answering(heads, "high", (6, 5)) is None


def test_of_several_heads_that_fit_the_task_of_the_name_is_taken():
    heads = {"first": (0, 1), "second": (0, 1)}
    assert answering(heads, "second", (0, 1)) == "second"
    assert answering(heads, "third", (0, 1)) == "first"
